"""DVC experiments by name: runs one, reads its results, lists those that exist."""

import functools
import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from twinview.core import commands, paths
from twinview.core.commands import GitError, git
from twinview.core.dvc_lock import Read
from twinview.core.errors import ConfigError, DataError, EncodingError, MissingError


def dvc(*arguments: str) -> None:
    """Runs DVC. Raises DataError when it fails."""
    if commands.dvc(*arguments):
        raise DataError(f"`dvc {' '.join(arguments)}` failed; what it printed says why")


def run(name: str, settings: Mapping[str, Any], *stages: str) -> None:
    """Runs an experiment in a copy of the last commit.

    Parameters
    ----------
    name : the name of the experiment.
    settings : values by dotted name.
    stages : the last stages to run; all stages run if there are none.

    Raises
    ------
    DataError : DVC fails.
    """
    changes = [f"{key}={json.dumps(value)}" for key, value in settings.items()]
    arguments = [argument for change in changes for argument in ("-S", change)]
    dvc("exp", "run", "--temp", "--name", name, *arguments, *stages)


def require_committed(command: str) -> None:
    """Raises ConfigError outside git, or if the working tree differs from the commit.

    Changes of dvc.lock and reports/ are allowed, since every run leaves them behind.
    """
    require_git(command)
    if commands.has_changes():
        raise ConfigError(f"{command} needs a working tree without changes; commit them first")


def require_git(command: str) -> None:
    """Raises ConfigError outside git, where DVC has no experiments."""
    if commands.head_commit() is None:
        raise ConfigError(
            f"{command} needs a git repository with a commit, since DVC keeps experiments in git; "
            "run `git init`, `git add -A` and `git commit`"
        )


def references() -> list[str]:
    """Git's references to finished experiments, the newest first."""
    listed = git("for-each-ref", "--format=%(refname)", "--sort=-creatordate", "refs/exps/??/*/*")
    return (listed or "").split()


def labelled_references() -> dict[str, str]:
    """The references by the labels of their experiments, the newest first.

    The label is the experiment's name, followed by its base commit if several experiments have
    this name: name@abc1234.
    """
    refs = references()
    names = [ref.split("/")[-1] for ref in refs]
    return {
        name if names.count(name) == 1 else f"{name}@{_base(ref)[:7]}": ref
        for name, ref in zip(names, refs, strict=True)
    }


def unfinished() -> dict[str, str]:
    """The experiments of DVC's queue that have no results, each with its state, such as failed."""
    from dvc.repo import Repo

    with Repo() as repo:
        tasks = repo.experiments.celery_queue.status()
    return {
        task.get("name") or task["rev"][:7]: task["status"].lower()
        for task in tasks
        if task["status"] != "Success"
    }


def queued_elsewhere() -> list[str]:
    """The queued experiments that DVC would run in another folder, of which this one is a copy.

    DVC stores with each experiment the folder in which it was queued.
    """
    if not (paths.COPIES / "celery").is_dir():  # nothing was ever queued; DVC loads slowly
        return []
    from dvc.repo import Repo

    with Repo() as repo:
        queued = list(repo.experiments.celery_queue.iter_queued())
    here = Path.cwd().resolve()
    others = [entry for entry in queued if Path(entry.dvc_root).resolve() != here]
    return [entry.name or entry.stash_rev[:7] for entry in others]


def read_cached(digest: str) -> str | None:
    """The text that DVC's cache holds under a hash; None without it, or outside of a project."""
    if not Path(".dvc").is_dir():
        return None
    path = Path(_cache(Path.cwd()).oid_to_path(digest))
    return path.read_text("utf-8") if path.is_file() else None


def cached_files(digest: str) -> dict[str, Path]:
    """The files of an out that is a folder, in DVC's cache, by their paths in the folder.

    digest : the hash of the folder. There are no files if the cache does not know it.
    """
    text = read_cached(digest)
    if text is None:
        return {}
    cache = _cache(Path.cwd())
    return {of["relpath"]: Path(cache.oid_to_path(of["md5"])) for of in json.loads(text)}


@functools.cache
def _cache(folder: Path) -> Any:
    """DVC's cache of a project; it is remembered, since DVC takes long to find it."""
    from dvc.repo import Repo

    with Repo(str(folder)) as repo:
        return repo.cache.local


def result_commit(name: str) -> str | None:
    """The commit that holds an experiment's results, or None if no experiment has this name."""
    return _newest(name, "objectname") or None


def base_commit(name: str) -> str | None:
    """The commit that an experiment was run from, or None if no experiment has this name."""
    ref = _newest(name, "refname")
    return _base(ref) if ref else None


def text_at(commit: str, path: Path) -> str | None:
    """The text of a file at a commit, or None if the commit lacks the file.

    Raises DataError if the commit has the file and git cannot read it, as in a clone without blobs.
    """
    if not git("ls-tree", "--name-only", commit, "--", str(path)):
        return None
    try:
        return git("show", f"{commit}:./{path}")
    except GitError as error:
        raise DataError(
            f"git cannot read {commit}:{path}; `git fetch --refetch` brings it ({error})"
        ) from None


def commit_reader(commit: str, called: str) -> Read:
    """A function that reads files at a commit: the small results, but not the large outs."""
    return partial(_read_at, commit, called)


def folder_reader(folder: Path) -> Read:
    """A function that reads files in a project's folder."""
    return partial(_read_in_folder, folder)


def _read_in_folder(folder: Path, path: Path) -> str:
    try:
        return (folder / path).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise MissingError(f"{folder / path} is missing; `dvc repro` makes it") from None
    except UnicodeDecodeError as error:
        remedy = (
            f"`git checkout HEAD -- {path}` brings back the commit's, or `dvc repro` makes it anew"
        )
        raise EncodingError(str(folder / path), error, remedy) from None


def _read_at(commit: str, called: str, path: Path) -> str:
    text = text_at(commit, path)
    if text is None:
        raise MissingError(f"{called} has no {path}")
    return text


def _base(ref: str) -> str:
    """The base commit in DVC's reference, refs/exps/<two of its digits>/<the others>/<name>."""
    return "".join(ref.split("/")[2:4])


def _newest(name: str, field: str) -> str:
    """A field of the newest experiment of a name; "" if there is none."""
    form = f"--format=%({field})"
    newest = "--sort=-creatordate", "--count=1"
    return git("for-each-ref", form, *newest, f"refs/exps/*/*/{name}") or ""
