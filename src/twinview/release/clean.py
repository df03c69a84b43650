"""What caches, checkpoints and experiments take on the disk, and the removal of what is named.

DVC's and MLflow's own commands remove what they have commands for.
"""

import contextlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from twinview.core import commands, locks, paths
from twinview.core.errors import BusyError, ConfigError
from twinview.experiments import disk, dvc_cache, dvc_experiments
from twinview.stages import stage
from twinview.tracking import deleted_rows

SMOKE = Path("build/smoke")
RUNS = "runs"  # below DVC's cache


@dataclass(frozen=True)
class Part:
    """One thing that can be removed. frees: bytes. docs/terminal.md says what its loss costs."""

    frees: int
    what: str


def parts(progress: dvc_cache.Progress) -> dict[str, Part]:
    """Everything that can be removed, by the name that removes it."""
    own = dvc_cache.is_own()
    cache = dvc_cache.look(progress) if own else dvc_cache.Cache({}, {}, {})
    views = [*cache.only_of(str(paths.VIEWS)), *_below(_views())]
    trainings, copies, tried = _trainings(), _copies(), dvc_experiments.references()
    then = f"{disk.freed(cache.only_tried()) / 1e6:,.1f} MB"
    rows = deleted_rows.deleted_rows()
    found = {
        "checkpoints": (
            _below(trainings),
            f"of {_count(len(trainings), 'training')} under way or done",
        ),
        "copies": (_below(copies), f"of the project: {len(copies)} that killed experiments left"),
        "views": (views, f"{paths.VIEWS}, its versions in DVC's cache too; made again when needed"),
        "unused": (
            cache.unused(),
            "in DVC's cache: of no commit, no experiment, not of this folder",
        ),
        "runs": (
            disk.files(_runs()) if own else [],
            "DVC's memory of what it ran with which settings",
        ),
        "experiments": ([], f"{len(tried)} finished; {then} of their results are unused then"),
        "rows": (_below(rows.folders), f"{_count(rows.runs, 'run')} deleted in MLflow's pages"),
        "smoke": (disk.files(SMOKE), f"{SMOKE}, which `make smoke` makes"),
    }
    return {name: Part(disk.freed(files), what) for name, (files, what) in found.items()}


def kept() -> dict[str, int]:
    """The bytes of what is never removed as a whole."""
    return {
        "DVC's cache": disk.taken(disk.files(dvc_cache.folder())),
        "MLflow's runs": disk.taken(_below([Path("mlflow.db"), Path("mlartifacts")])),
        "data/raw": disk.taken(disk.files(Path("data/raw"))),
    }


def remove(names: Sequence[str], progress: dvc_cache.Progress) -> dict[str, int]:
    """Removes what is named; the bytes that each has freed.

    Raises ConfigError for another name, or for what others may share, and BusyError when a run
    needs it, before anything is removed.
    """
    if not dvc_cache.is_own() and (shared := _SHARED.intersection(names)):
        raise ConfigError(
            f"DVC's cache, {dvc_cache.folder()}, is outside of this project, and others may use "
            f"it: {', '.join(sorted(shared))} are left alone; `dvc gc --projects` cleans it"
        )
    for name in set(names).difference(NAMES):
        raise ConfigError(f"there is no {name!r} to clean; name some of {', '.join(NAMES)}")
    freed = {}
    with contextlib.ExitStack() as stack:
        for guard in dict.fromkeys(_GUARDS[name] for name in names):
            stack.enter_context(guard())
        ordered = [name for name in _REMOVES if name in names]
        for name in progress(iter(ordered), len(ordered), "clean"):
            before = _everything()
            _REMOVES[name]()
            freed[name] = before - _everything()
    return freed


def _experiments() -> None:
    if dvc_experiments.references():
        dvc_experiments.dvc("exp", "remove", "--all-commits", "--quiet")


def _unused() -> None:
    outside_git = commands.head_commit() is None
    which = [] if outside_git else ["--all-commits", "--all-experiments"]
    dvc_experiments.dvc("gc", "--workspace", *which, "--force", "--quiet")


def _remove_copies() -> None:
    for folder in _copies():
        _remove(folder)


def _remove_checkpoints() -> None:
    for folder in _trainings():
        _remove(folder)


def _remove_views() -> None:
    """DVC has no command for the cached files of one out."""
    cache = dvc_cache.look(stage.progress)
    for path in [*cache.only_of(str(paths.VIEWS)), *_views()]:
        _remove(path)


def _remove_runs() -> None:
    _remove(_runs())


def _remove_smoke() -> None:
    _remove(SMOKE)


@contextlib.contextmanager
def _quiet_project() -> Iterator[None]:
    """Holds the locks of all stages, so that none is at work and none begins."""
    for place, program in ((Path.cwd(), "dvc"), (paths.COPIES.absolute(), "")):
        if worker := disk.at_work(place, program):
            raise BusyError(
                f"{worker} is at work in {place}; wait for it, or `kill` it (a training saves "
                "first), and clean then"
            )
    with contextlib.ExitStack() as held:
        for path in paths.SCRATCH.glob("twinview.*.lock"):
            held.enter_context(stage.folder_lock(path.name.split(".")[1]))
        for folder in _trainings():
            held.enter_context(locks.file_lock(folder.with_name(f"{folder.name}.lock"), _refuse))
        yield


@contextlib.contextmanager
def _quiet_smoke() -> Iterator[None]:
    if worker := disk.at_work(SMOKE.absolute()):
        raise BusyError(f"{worker} is at work in {SMOKE}; wait for it, and clean then")
    yield


def _refuse(holder: str) -> None:
    raise BusyError(
        f"{holder} is at a training whose checkpoints would go; wait for it, or `kill` it (it "
        "saves first), and clean then"
    )


def _trainings() -> list[Path]:
    return [path for path in sorted(paths.CHECKPOINTS.glob("*")) if path.is_dir()]


def _copies() -> list[Path]:
    """DVC's temporary copies of the project, of `--temp` and of the queue."""
    return [path for pattern in ("tmp*", "standalone/tmp*") for path in paths.COPIES.glob(pattern)]


def _views() -> list[Path]:
    """The views' folder, and those that killed processes left half written."""
    return [paths.VIEWS, *paths.VIEWS.parent.glob(f".{paths.VIEWS.name}.*.part")]


def _runs() -> Path:
    return dvc_cache.folder() / RUNS


def _below(folders: Sequence[Path]) -> list[Path]:
    return [path for folder in folders for path in disk.files(folder)]


def _remove(path: Path) -> None:
    """A folder, a file or a link, but not what a link points to."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _everything() -> int:
    """What all that this module may touch takes."""
    return disk.taken(_below([Path(name) for name in (".dvc", "data", "build", "mlartifacts")]))


def _count(number: int, one: str) -> str:
    return f"{number} {one if number == 1 else one + 's'}"


# In this order: what one leaves unused, the next removes.
_REMOVES: dict[str, Callable[[], None]] = {
    "experiments": _experiments,
    "copies": _remove_copies,
    "checkpoints": _remove_checkpoints,
    "views": _remove_views,
    "runs": _remove_runs,
    "unused": _unused,
    "rows": deleted_rows.forget,
    "smoke": _remove_smoke,
}
_GUARDS: dict[str, Callable[[], contextlib.AbstractContextManager[None]]] = {
    **dict.fromkeys(_REMOVES, _quiet_project),
    "rows": contextlib.nullcontext,
    "smoke": _quiet_smoke,
}
_SHARED = {"views", "runs", "unused"}  # with all whose cache it is
NAMES = tuple(_REMOVES)
