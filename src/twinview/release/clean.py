"""What caches, checkpoints and experiments take on the disk, and the command that frees each part.

Three parts are removed here, because no other tool can. Checkpoints and decoded pictures are
twinview's own. DVC has no command for the cached files of one output, and a damaged file in its
cache comes back after `dvc repro --force`, so damaged views need one.
"""

import contextlib
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from twinview.core import dvc_lock, locks, paths
from twinview.core.errors import BusyError, ConfigError
from twinview.core.paths import root
from twinview.experiments import disk, lock_file
from twinview.stages import stage

NAMES = ("checkpoints", "decoded", "views")
# Below the project's folder: what a part is called, where it lies, and what frees it.
_PARTS = {
    "checkpoints": ([f"{paths.CHECKPOINTS}/*"], "twinview clean checkpoints"),
    "decoded": ([str(paths.DECODED)], "twinview clean decoded"),
    "views": ([str(paths.VIEWS)], "twinview clean views"),
    "DVC's cache": ([".dvc/cache/files"], "dvc gc --workspace --all-commits --all-experiments"),
    "DVC's run cache": ([".dvc/cache/runs"], "rm -r .dvc/cache/runs"),
    "copies of killed experiments": (
        [f"{paths.COPIES}/tmp*", f"{paths.COPIES}/standalone/tmp*"],
        f"rm -rf {paths.COPIES}/tmp* {paths.COPIES}/standalone/tmp*",
    ),
    "MLflow's runs": (
        ["mlflow.db", "mlartifacts"],
        "MLFLOW_DISABLE_TELEMETRY=true mlflow gc --backend-store-uri sqlite:///mlflow.db "
        "--tracking-uri sqlite:///mlflow.db",
    ),
    "build/smoke": (["build/smoke"], "rm -r build/smoke"),
    "data/raw": (["data/raw"], "rm -r data/raw"),
}


@dataclass(frozen=True)
class Part:
    """The bytes that something takes, and the command that frees what is no longer needed."""

    bytes: int
    command: str


def parts() -> dict[str, Part]:
    """What lies on the disk, by name. A file with several names in one part counts once."""
    return {
        name: Part(disk.disk_usage(path for at in places for path in Path().glob(at)), command)
        for name, (places, command) in _PARTS.items()
    }


def remove(names: Sequence[str]) -> dict[str, int]:
    """Removes what is named; the bytes that each part took.

    Raises ConfigError for another name or for a DVC cache that others may share, and BusyError
    when a run needs what would go; both before anything is removed.
    """
    for name in set(names).difference(NAMES):
        raise ConfigError(
            f"`twinview clean` cannot remove {name!r}: it removes {', '.join(NAMES)}, and "
            "without a name it lists the commands that free the rest"
        )
    with _quiet_project():
        going = {name: _FOUND[name]() for name in names}
        taken = {name: disk.disk_usage(found) for name, found in going.items()}
        for found in going.values():
            for path in found:
                _remove(path)
    return taken


def _remove(path: Path) -> None:
    """A folder, a file or a link, but not what a link points to."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _trainings() -> list[Path]:
    return [path for path in sorted(paths.CHECKPOINTS.glob("*")) if path.is_dir()]


def _views() -> list[Path]:
    """The views' folder, half-written ones of killed processes, and their files in DVC's cache."""
    recorded = lock_file.hash_of(dvc_lock.load(), paths.VIEWS)
    cache = _cache() / "files/md5"
    found = [paths.VIEWS, *paths.VIEWS.parent.glob(f".{paths.VIEWS.name}.*.part")]
    listing = cache / recorded[:2] / recorded[2:] if recorded else cache / "none"
    if listing.is_file():
        checksums = {entry["md5"] for entry in json.loads(listing.read_text())}
        found += [listing, *(cache / md5[:2] / md5[2:] for md5 in checksums)]
    return found


def _decoded() -> list[Path]:
    return sorted(paths.DECODED.glob("*"))


_FOUND: dict[str, Callable[[], list[Path]]] = {
    "checkpoints": _trainings,
    "decoded": _decoded,
    "views": _views,
}


def _cache() -> Path:
    """The folder of DVC's cache. Raises ConfigError for one that others may share."""
    from dvc.repo import Repo

    with Repo() as repository:
        cache = Path(repository.cache.local_cache_dir)
    if not cache.resolve().is_relative_to(root().resolve()):
        raise ConfigError(
            f"DVC's cache, {cache}, is outside of this project, and others may use it: views are "
            "left alone; `dvc gc --projects` cleans it"
        )
    return cache


@contextlib.contextmanager
def _quiet_project() -> Iterator[None]:
    """Holds the locks of all stages and trainings, so that none is at work and none begins."""
    for place, program in ((Path.cwd(), "dvc"), (paths.COPIES.absolute(), "")):
        if worker := disk.find_process(place, program):
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


def _refuse(holder: str) -> None:
    raise BusyError(
        f"{holder} is at a training whose checkpoints would go; wait for it, or `kill` it (it "
        "saves first), and clean then"
    )
