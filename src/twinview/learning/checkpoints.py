"""Checkpoints of a training: whole files that are found by settings, code, data and versions.

They are in .dvc/tmp of the project, even for DVC's temporary copies: DVC deletes the outs of a
stage before it runs the stage, and temporary copies later (docs/decisions/0004-checkpoints.md).
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

from twinview.core import dvc_lock, files, locks, paths
from twinview.core.errors import TrainingError
from twinview.core.tensor_files import save_tensors
from twinview.experiments import lock_file
from twinview.settings import check_cache
from twinview.stages.aside import holds_only_docstring, is_aside

KEPT_PER_TRAINING = 2  # checkpoints: the last, and the one before, in case the last is unreadable
KEPT_UNFINISHED = 3  # unfinished trainings with other fingerprints

_LIBRARIES = ("torch", "torchvision", "timm")  # the libraries that encoders use
_ABOUT, _RESULTS, _DOUBTFUL = "training.json", "results.json", "-doubtful"


def fingerprint(
    settings: Mapping[str, Any], data: Iterable[Path], device: torch.device
) -> dict[str, str]:
    """Everything that a training's result depends on, by name; equal fingerprints, equal results.

    The fingerprint has the code of twinview and the versions of libraries that this process has
    loaded, but not the code that is aside (stages.aside).

    Parameters
    ----------
    settings : the settings that change the result.
    data : files whose content counts.
    device : where the training computes.
    """
    parts = _settings_and_device(settings, device)
    parts |= {f"the code of {name}": files.sha256(path) for name, path in _loaded()}
    parts |= {str(path): files.sha256(path) for path in data}
    return parts | {name: version(name) for name in _LIBRARIES if name in sys.modules}


def fingerprint_of_package(settings: Mapping[str, Any], device: torch.device) -> dict[str, str]:
    """The fingerprint without data, for a process that may have loaded more code than the training.

    It has all code of the package, and all libraries that encoders may use.
    """
    parts = _settings_and_device(settings, device)
    parts |= {"the code of twinview": check_cache.key("")}
    for name in _LIBRARIES:
        with contextlib.suppress(PackageNotFoundError):  # timm is optional
            parts[name] = version(name)
    return parts


def _settings_and_device(settings: Mapping[str, Any], device: torch.device) -> dict[str, str]:
    parts = {key: json.dumps(value) for key, value in files.flatten(settings).items()}
    return parts | {"the device": f"{device}, {torch.backends.cpu.get_cpu_capability()}"}


@contextlib.contextmanager
def open_for(parts: Mapping[str, str]) -> Iterator["Checkpoints"]:
    """The checkpoints of the training with this fingerprint, in the project; see open_in.

    They are deleted first when DVC has already recorded this training's result, since the training
    is then wanted once more.
    """
    with open_in(paths.root() / paths.CHECKPOINTS, parts, _is_recorded) as checkpoints:
        yield checkpoints


@contextlib.contextmanager
def open_in(
    root: Path, parts: Mapping[str, str], is_recorded: Callable[[Path], bool]
) -> Iterator["Checkpoints"]:
    """The checkpoints of the training with this fingerprint, locked for this process.

    It waits while another process runs the same training. A TrainingError in the block gets the
    path of the last good checkpoint added.

    Parameters
    ----------
    root : the folder of all trainings.
    parts : the fingerprint.
    is_recorded : whether the result of the training in a folder is kept elsewhere, so that its
        checkpoints may be deleted.
    """
    key = _key(parts)
    with locks.file_lock(root / f"{key}.lock", _print_waiting):
        with locks.file_lock(root / "shelf.lock", lambda holder: None):
            _prepare_folder(root, root / key, parts, is_recorded)
        checkpoints = Checkpoints(root / key)
        try:
            yield checkpoints
        except TrainingError as error:
            if not checkpoints.last_good():
                raise
            raise TrainingError(f"{error}; {checkpoints.last_good()}") from None


def difference_from_finished(root: Path, parts: Mapping[str, str]) -> str:
    """How a finished training in root differs from this fingerprint, in words; "" without one."""
    for folder in _trainings(root):
        if folder.name != _key(parts) and (folder / _RESULTS).exists():
            return _differences(folder, parts)
    return ""


@final
class Checkpoints:
    """The checkpoints of one training.

    training_id: identifies the training in MLflow, over all processes that continue it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.training_id: str = _about(folder)["training"]

    def save(self, step: int, state: Mapping[str, Any], *, doubtful: bool = False) -> None:
        """Writes the state after a step, safely to the disk, and deletes old checkpoints.

        Parameters
        ----------
        step : the number of steps that are done.
        state : a tree of dictionaries, lists, tuples, tensors and JSON values.
        doubtful : the training may have collapsed, so the last checkpoint that is not doubtful is
            kept too.
        """
        tensors: dict[str, Tensor] = {}
        tree = json.dumps(_pack(state, "state", tensors))
        path = self.folder / f"step-{step:09d}{_DOUBTFUL if doubtful else ''}.safetensors"
        save_tensors(path, tensors, tree=tree)
        for old in self._paths()[KEPT_PER_TRAINING:]:
            if old != self._good():
                old.unlink()

    def load(self) -> Any:
        """The newest state that can be read, with the strides of its tensors; None without one."""
        for path in self._paths():
            try:
                with safe_open(path, "pt") as file:
                    tree = json.loads(file.metadata()["tree"])
                    tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
                    return _unpack(tree, tensors)
            except (SafetensorError, OSError) as error:
                print(f"{path} is broken ({error}) and is not used", flush=True)
        return None

    def newest_step(self) -> int:
        """The number of steps at the newest checkpoint; 0 without one."""
        return max(map(_step, self._paths()), default=0)

    def last_good(self) -> str:
        """A phrase with the path of the newest checkpoint that is not doubtful; "" without one."""
        path = self._good()
        return f"the checkpoint of step {_step(path)}, from before, is {path}" if path else ""

    def record_result(self, record: Path) -> None:
        """Notes the checksum of a result file, by which dvc.lock will show that DVC recorded it.

        The last checkpoint stays, since DVC may be killed before it records the outs.
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


def _pack(value: Any, key: str, tensors: dict[str, Tensor]) -> Any:
    """A tree of plain values and tensors as JSON; its tensors are put into `tensors` by key."""
    if isinstance(value, Tensor):
        tensors[key] = value.detach().cpu().clone(memory_format=torch.contiguous_format)
        return {"tensor": key, "strides": value.stride() if _is_dense(value) else None}
    if isinstance(value, Mapping):
        return {"dict": [[k, _pack(v, f"{key}/{k}", tensors)] for k, v in value.items()]}
    if isinstance(value, list | tuple):
        items = [_pack(item, f"{key}/{i}", tensors) for i, item in enumerate(value)]
        return {"list" if isinstance(value, list) else "tuple": items}
    return value


def _unpack(value: Any, tensors: Mapping[str, Tensor]) -> Any:
    """The tree that _pack has packed."""
    if not isinstance(value, dict):
        return value
    if "tensor" in value:
        stored, strides = tensors[value["tensor"]], value["strides"]
        if strides is None:
            return stored.clone()
        # Other strides may choose other kernels, which round differently.
        return torch.empty_strided(stored.shape, strides, dtype=stored.dtype).copy_(stored)
    if "dict" in value:
        return {key: _unpack(item, tensors) for key, item in value["dict"]}
    if "list" in value:
        return [_unpack(item, tensors) for item in value["list"]]
    return tuple(_unpack(item, tensors) for item in value["tuple"])


def _is_dense(tensor: Tensor) -> bool:
    """Whether the elements fill their memory without overlaps and gaps."""
    last_offset = sum(
        (n - 1) * stride for n, stride in zip(tensor.shape, tensor.stride(), strict=True)
    )
    return tensor.numel() == 0 or last_offset + 1 == tensor.numel()


def _loaded() -> list[tuple[str, Path]]:
    """The modules of the project that this process has loaded and that count, with their files."""
    modules = [(name, getattr(module, "__file__", None)) for name, module in sys.modules.items()]
    ours = [
        (n, Path(f)) for n, f in modules if f and re.match(r"(twinview|pipeline|__main__)\b", n)
    ]
    return sorted(
        (n, path) for n, path in ours if not is_aside(n) and not holds_only_docstring(path)
    )


def _key(parts: Mapping[str, str]) -> str:
    """The name of the training's folder, a hash of the fingerprint."""
    return hashlib.sha256(json.dumps(dict(parts), sort_keys=True).encode()).hexdigest()[:16]


def _prepare_folder(
    root: Path, folder: Path, parts: Mapping[str, str], is_recorded: Callable[[Path], bool]
) -> None:
    """Makes the training's folder with its description, and deletes what is no longer needed."""
    if is_recorded(folder):
        shutil.rmtree(folder)
    if not (folder / _ABOUT).exists():
        _print_difference(root, parts)
        number = 1 + max((_about(other)["number"] for other in _trainings(root)), default=0)
        about = {"training": uuid.uuid4().hex, "number": number, "fingerprint": dict(parts)}
        files.save_json(folder / _ABOUT, about)
    for unfinished in folder.glob(".*.part"):
        unfinished.unlink()
    _delete_others(root, folder, is_recorded)


def _print_waiting(holder: str) -> None:
    print(
        f"{holder} runs the same training in another copy of the project; waiting for its result "
        "(`kill` stops it: it saves its state, and this process continues from there)",
        flush=True,
    )


def _trainings(root: Path) -> list[Path]:
    """The folders of all trainings, newest first."""
    folders = [path.parent for path in root.glob(f"*/{_ABOUT}")]
    return sorted(folders, key=lambda folder: int(_about(folder)["number"]), reverse=True)


def _about(folder: Path) -> dict[str, Any]:
    about: dict[str, Any] = files.load_json(folder / _ABOUT)
    return about


def _is_recorded(folder: Path) -> bool:
    """Whether dvc.lock of this copy has the result of the training, so that it can be deleted."""
    results = folder / _RESULTS
    if not results.exists():
        return False
    return bool(lock_file.outs(dvc_lock.load()).keys() & files.load_json(results))


def _md5(path: Path) -> str:
    """The checksum by which dvc.lock names a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def _print_difference(root: Path, parts: Mapping[str, str]) -> None:
    """Prints how the newest unfinished training differs, whose checkpoint is not used."""
    for folder in _trainings(root):
        step = Checkpoints(folder).newest_step()
        if step and not (folder / _RESULTS).exists():
            print(
                f"a checkpoint exists (step {step}) and is not used: it is of another "
                f"training, which differs in {_differences(folder, parts)}",
                flush=True,
            )
            return


def _differences(folder: Path, parts: Mapping[str, str]) -> str:
    """How the fingerprint of the training in a folder differs from this one, in words."""
    about = _about(folder)["fingerprint"]
    names = sorted(n for n in about | parts if about.get(n) != parts.get(n))
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{', '.join(names[:3])}{more}"


def _delete_others(root: Path, current: Path, is_recorded: Callable[[Path], bool]) -> None:
    """Deletes other trainings: recorded ones, and all but the newest few of the rest."""
    others = [folder for folder in _trainings(root) if folder != current]
    unfinished = [folder for folder in others if not is_recorded(folder)]
    for folder in others:
        if folder not in unfinished[:KEPT_UNFINISHED]:
            with (
                contextlib.suppress(_BusyTrainingError),
                locks.file_lock(root / f"{folder.name}.lock", _raise_busy),
            ):
                shutil.rmtree(folder, ignore_errors=True)


class _BusyTrainingError(Exception):
    """Another process runs that training."""


def _raise_busy(holder: str) -> None:
    raise _BusyTrainingError(holder)
