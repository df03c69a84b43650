"""DVC's cache: its files, and which outs of which commits and experiments they belong to."""

import contextlib
import logging
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twinview.core import commands
from twinview.core.commands import git
from twinview.core.errors import ConfigError, DataError
from twinview.core.paths import root
from twinview.experiments import dvc_experiments, lock_file

# All that says which outs a commit has; most commits change none of it.
_STATED = (":(glob)**/dvc.yaml", ":(glob)**/dvc.lock", ":(glob)**/*.dvc", "params.yaml", ".dvc")

Progress = Callable[[Iterator[Any], int, str], Iterator[Any]]
Used = dict[str, set[str]]


@dataclass(frozen=True)
class Cache:
    """files: by DVC's checksum. kept, tried: checksums by the out that has them, of the workspace
    and all commits, and of the experiments."""

    files: dict[str, Path]
    kept: Used
    tried: Used

    def unused(self) -> list[Path]:
        """What `dvc gc` removes: of no commit, no experiment, not of the workspace."""
        used = _union(self.kept) | _union(self.tried)
        return [path for checksum, path in self.files.items() if checksum not in used]

    def only_of(self, out: str) -> list[Path]:
        """What belongs to this out, in any commit or experiment, and to no other."""
        here = self.kept.get(out, set()) | self.tried.get(out, set())
        rest = [used for own in (self.kept, self.tried) for o, used in own.items() if o != out]
        return self._of(here.difference(*rest))

    def only_tried(self) -> list[Path]:
        """What is unused once the experiments are gone."""
        return self._of(_union(self.tried) - _union(self.kept))

    def _of(self, checksums: set[str]) -> list[Path]:
        return [self.files[checksum] for checksum in checksums & self.files.keys()]


def look(progress: Progress) -> Cache:
    """Walks the workspace, all commits and all experiments. Raises DataError where DVC cannot."""
    from dvc.exceptions import DvcException

    try:
        with _repository() as repository:
            odb = repository.cache.local
            files = {checksum: Path(odb.oid_to_path(checksum)) for checksum in odb.all()}
            if commands.head_commit() is None:
                return Cache(files, _walk(repository, progress, 1), {})
            commits, count = _commits(), len(dvc_experiments.references())
            kept = _walk(repository, progress, len(commits) + 1, revs=commits)
            which = {"all_experiments": True, "workspace": False}
            return Cache(files, kept, _walk(repository, progress, count, **which))
    except DvcException as error:
        raise DataError(f"DVC cannot read this project: {error}") from None


def folder() -> Path:
    """Where the cache is. Raises ConfigError outside of a project."""
    if not Path(".dvc").is_dir():
        raise ConfigError(f"{Path.cwd()} is no DVC project; run in the project's folder")
    with _repository() as repository:
        return Path(repository.cache.local_cache_dir)


def is_own() -> bool:
    """Whether the cache lies in this project. Others may share one that does not."""
    return folder().resolve().is_relative_to(root().resolve())


@contextlib.contextmanager
def _repository() -> Iterator[Any]:
    """DVC's view of this folder; what it warns of in each of many commits is not shown.

    Raises DataError, with the remedy, for a broken dvc.lock.
    """
    lock_file.load()
    from dvc.repo import Repo

    logging.disable(logging.WARNING)
    try:
        with Repo() as repository:
            yield repository
    finally:
        logging.disable(logging.NOTSET)


def _commits() -> list[str]:
    """Those that `dvc gc --all-commits` walks, less those whose outs are the ones before them."""
    everywhere = "HEAD", "--branches", "--tags", "--remotes"
    return (git("rev-list", "--full-history", *everywhere, "--", *_STATED) or "").split()


def _walk(repository: Any, progress: Progress, count: int, **which: Any) -> Used:
    """The checksums of every out, over some commits."""
    found: Used = defaultdict(set)
    for _ in progress(repository.brancher(**which), count, "commits"):
        for out in repository.index.outs:
            for objects in out.get_used_objs(force=True).values():
                found[out.def_path].update(one.value for one in objects)
    return dict(found)


def _union(used: Used) -> set[str]:
    return set().union(*used.values())
