"""Checkpoints of a training: whole files, found again by equal settings, code, data and versions.

They lie in .dvc/tmp of the project, also for DVC's temporary copies: DVC deletes a stage's outs
before it runs the stage, and temporary copies after. docs/decisions/0004-checkpoints.md says why.
"""

import contextlib
import hashlib
import json
import re
import shutil
import sys
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, final

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from twinview.core import files, locks, paths
from twinview.core.errors import TrainingError
from twinview.core.paths import root
from twinview.core.tensor_files import save_tensors
from twinview.experiments import lock_file
from twinview.settings import check_cache
from twinview.stages.aside import holds_only_docstring, is_aside

KEPT_PER_TRAINING = (
    2  # of one training: the last checkpoint, and one before it should that be unreadable
)
KEPT_UNFINISHED = 3  # unfinished trainings of other fingerprints that are kept

_LIBRARIES = ("torch", "torchvision", "timm")  # what encoders are made of
_ABOUT, _RESULTS, _DOUBTFUL = "training.json", "results.json", "-doubtful"


def fingerprint(
    settings: Mapping[str, Any], data: Iterable[Path], device: torch.device
) -> dict[str, str]:
    """All that a training's result depends on, by name. Equal fingerprints, equal trainings.

    settings: those that change the result. data: files whose content counts. The code is what this
    process has loaded of ours and is not aside, the versions are of what it has loaded of those
    that compute.
    """
    own = _settings_and_device(settings, device)
    own |= {f"the code of {name}": files.sha256(path) for name, path in _loaded()}
    own |= {str(path): files.sha256(path) for path in data}
    return own | {name: version(name) for name in _LIBRARIES if name in sys.modules}


def fingerprint_of_package(settings: Mapping[str, Any], device: torch.device) -> dict[str, str]:
    """The same without data, for a process that may have loaded more of ours than the training.

    All code of the package counts, and all libraries that encoders may be made of.
    """
    own = _settings_and_device(settings, device)
    own |= {"the code of twinview": check_cache.key("")}
    for name in _LIBRARIES:
        with contextlib.suppress(PackageNotFoundError):  # timm is an extra
            own[name] = version(name)
    return own


def _settings_and_device(settings: Mapping[str, Any], device: torch.device) -> dict[str, str]:
    own = {key: json.dumps(value) for key, value in files.flatten(settings).items()}
    return own | {"the device": f"{device}, {torch.backends.cpu.get_cpu_capability()}"}


@contextlib.contextmanager
def open_for(parts: Mapping[str, str]) -> Iterator["Checkpoints"]:
    """The checkpoints, in the project, of the training with this fingerprint; see open_in.

    Starts anew when DVC has recorded this training's result already: then it is asked for once
    more.
    """
    with open_in(root() / paths.CHECKPOINTS, parts, _is_recorded) as kept:
        yield kept


@contextlib.contextmanager
def open_in(
    shelf: Path, parts: Mapping[str, str], is_recorded: Callable[[Path], bool]
) -> Iterator["Checkpoints"]:
    """The checkpoints of the training with this fingerprint, held for one process.

    shelf: the folder of all trainings. is_recorded: whether the result of the training in a folder
    of it is kept elsewhere, so that its checkpoints can go. Waits when another process is at the
    same training. A TrainingError tells where the last good checkpoint is.
    """
    key = _key(parts)
    with locks.file_lock(shelf / f"{key}.lock", _wait):
        with locks.file_lock(shelf / "shelf.lock", lambda holder: None):
            _make_place(shelf, shelf / key, parts, is_recorded)
        kept = Checkpoints(shelf / key)
        try:
            yield kept
        except TrainingError as error:
            if not kept.last_good():
                raise
            raise TrainingError(f"{error}; {kept.last_good()}") from None


def difference_from_finished(shelf: Path, parts: Mapping[str, str]) -> str:
    """In what the finished training of a shelf differs, in words; "" where there is no other."""
    for folder in _trainings(shelf):
        if folder.name != _key(parts) and (folder / _RESULTS).exists():
            return _differences(folder, parts)
    return ""


@final
class Checkpoints:
    """The checkpoints of one training. training: its name in MLflow, whoever continues it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.training_id: str = _about(folder)["training"]

    def save(self, step: int, state: Mapping[str, Any], *, doubtful: bool = False) -> None:
        """Writes the state after a step; on the disk when this returns.

        The one before is kept, and, of a doubtful training, the last one that was not.
        """
        tensors: dict[str, Tensor] = {}
        tree = json.dumps(_packed(state, "state", tensors))
        path = self.folder / f"step-{step:09d}{_DOUBTFUL if doubtful else ''}.safetensors"
        save_tensors(path, tensors, tree=tree)
        for old in self._paths()[KEPT_PER_TRAINING:]:
            if old != self._good():
                old.unlink()

    def load(self) -> Any:
        """The newest state that can be read, tensors laid out as they were; None without one."""
        for path in self._paths():
            try:
                with safe_open(path, "pt") as file:
                    tree = json.loads(file.metadata()["tree"])
                    tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
                    return _unpacked(tree, tensors)
            except (SafetensorError, OSError) as error:
                print(f"{path} is broken ({error}) and is not used", flush=True)
        return None

    def newest_step(self) -> int:
        """After how many steps the newest checkpoint was written; 0 without one."""
        return max(map(_step, self._paths()), default=0)

    def last_good(self) -> str:
        """Where the newest checkpoint is that is not doubtful, in words; "" without one."""
        path = self._good()
        return f"the checkpoint of step {_step(path)}, from before, is {path}" if path else ""

    def record_result(self, record: Path) -> None:
        """Remembers a file of the finished training, by which DVC's lock file will know it.

        The last checkpoint stays: DVC, or its machine, may end before it has recorded the outs.
        """
        path = self.folder / _RESULTS
        earlier = files.load_json(path) if path.exists() else []
        files.save_json(path, [*earlier, _md5(record)])
        for old in self._paths()[1:]:
            old.unlink()

    def _paths(self) -> list[Path]:
        return sorted(self.folder.glob("step-*.safetensors"), reverse=True)

    def _good(self) -> Path | None:
        return next((path for path in self._paths() if not path.stem.endswith(_DOUBTFUL)), None)


def _step(path: Path) -> int:
    return int(path.stem.removesuffix(_DOUBTFUL).removeprefix("step-"))


def _packed(value: Any, place: str, tensors: dict[str, Tensor]) -> Any:
    """A tree of plain values and tensors as JSON; its tensors go to `tensors`, by their place."""
    if isinstance(value, Tensor):
        tensors[place] = value.detach().cpu().clone(memory_format=torch.contiguous_format)
        return {"tensor": place, "strides": value.stride() if _is_dense(value) else None}
    if isinstance(value, Mapping):
        return {"dict": [[k, _packed(v, f"{place}/{k}", tensors)] for k, v in value.items()]}
    if isinstance(value, list | tuple):
        items = [_packed(item, f"{place}/{i}", tensors) for i, item in enumerate(value)]
        return {"list" if isinstance(value, list) else "tuple": items}
    return value


def _unpacked(value: Any, tensors: Mapping[str, Tensor]) -> Any:
    if not isinstance(value, dict):
        return value
    if "tensor" in value:
        stored, strides = tensors[value["tensor"]], value["strides"]
        if strides is None:
            return stored.clone()
        # Other strides mean other kernels, and those may round otherwise.
        return torch.empty_strided(stored.shape, strides, dtype=stored.dtype).copy_(stored)
    if "dict" in value:
        return {key: _unpacked(item, tensors) for key, item in value["dict"]}
    if "list" in value:
        return [_unpacked(item, tensors) for item in value["list"]]
    return tuple(_unpacked(item, tensors) for item in value["tuple"])


def _is_dense(tensor: Tensor) -> bool:
    """Whether each element has a place of its own and no place is left between them."""
    reach = sum((n - 1) * stride for n, stride in zip(tensor.shape, tensor.stride(), strict=True))
    return tensor.numel() == 0 or reach + 1 == tensor.numel()


def _loaded() -> list[tuple[str, Path]]:
    """The files of ours that this process has loaded and that count, by their modules' names."""
    modules = [(name, getattr(module, "__file__", None)) for name, module in sys.modules.items()]
    ours = [
        (n, Path(f)) for n, f in modules if f and re.match(r"(twinview|pipeline|__main__)\b", n)
    ]
    return sorted(
        (n, path) for n, path in ours if not is_aside(n) and not holds_only_docstring(path)
    )


def _key(parts: Mapping[str, str]) -> str:
    """The name of the folder of the training with this fingerprint."""
    return hashlib.sha256(json.dumps(dict(parts), sort_keys=True).encode()).hexdigest()[:16]


def _make_place(
    shelf: Path, own: Path, parts: Mapping[str, str], is_recorded: Callable[[Path], bool]
) -> None:
    """The training's folder with what it is about in it; what others left is cleared away."""
    if is_recorded(own):
        shutil.rmtree(own)
    if not (own / _ABOUT).exists():
        _say_what_differs(shelf, parts)
        number = 1 + max((_about(other)["number"] for other in _trainings(shelf)), default=0)
        about = {"training": uuid.uuid4().hex, "number": number, "fingerprint": dict(parts)}
        files.save_json(own / _ABOUT, about)
    for half in own.glob(".*.part"):
        half.unlink()
    _clear(shelf, own, is_recorded)


def _wait(holder: str) -> None:
    print(
        f"{holder} is at this very training, in another copy of the project; waiting for its "
        "result (`kill` stops it: it saves, and this one goes on)",
        flush=True,
    )


def _trainings(shelf: Path) -> list[Path]:
    """The folders of all trainings, the last one that began first."""
    folders = [path.parent for path in shelf.glob(f"*/{_ABOUT}")]
    return sorted(folders, key=lambda folder: int(_about(folder)["number"]), reverse=True)


def _about(folder: Path) -> dict[str, Any]:
    about: dict[str, Any] = files.load_json(folder / _ABOUT)
    return about


def _is_recorded(folder: Path) -> bool:
    """Whether this copy's dvc.lock has a result of the training, so that nothing is to be saved."""
    results = folder / _RESULTS
    if not results.exists():
        return False
    return bool(lock_file.outs(lock_file.load()).keys() & files.load_json(results))


def _md5(path: Path) -> str:
    """The checksum by which dvc.lock names a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def _say_what_differs(shelf: Path, parts: Mapping[str, str]) -> None:
    """One line on the newest unfinished training, which is not gone on with."""
    for folder in _trainings(shelf):
        step = Checkpoints(folder).newest_step()
        if step and not (folder / _RESULTS).exists():
            print(
                f"a checkpoint lies there (step {step}) and is not used: it is of another "
                f"training, which differs in {_differences(folder, parts)}",
                flush=True,
            )
            return


def _differences(folder: Path, parts: Mapping[str, str]) -> str:
    """In what the training in a folder differs from one with this fingerprint."""
    about = _about(folder)["fingerprint"]
    names = sorted(n for n in about | parts if about.get(n) != parts.get(n))
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{', '.join(names[:3])}{more}"


def _clear(shelf: Path, own: Path, is_recorded: Callable[[Path], bool]) -> None:
    """Removes what other trainings left: recorded ones, and all but the newest few of the rest."""
    others = [folder for folder in _trainings(shelf) if folder != own]
    stale = [folder for folder in others if not is_recorded(folder)]
    for folder in others:
        if folder not in stale[:KEPT_UNFINISHED]:
            with (
                contextlib.suppress(_AtWorkError),
                locks.file_lock(shelf / f"{folder.name}.lock", _leave),
            ):
                shutil.rmtree(folder, ignore_errors=True)


class _AtWorkError(Exception):
    """Another process is at that training."""


def _leave(holder: str) -> None:
    raise _AtWorkError(holder)
