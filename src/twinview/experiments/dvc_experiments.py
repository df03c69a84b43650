"""DVC experiments by their names: run one, read what it made, list what there is."""

import functools
import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from twinview.core import commands, paths
from twinview.core.commands import GitError, git
from twinview.core.errors import ConfigError, DataError, EncodingError, MissingError

# The text of a project's file; raises MissingError for none, EncodingError for no text.
Read = Callable[[Path], str]


def dvc(*arguments: str) -> None:
    """Runs DVC. Raises DataError when it fails."""
    if commands.dvc(*arguments):
        raise DataError(f"`dvc {' '.join(arguments)}` failed; what it printed says why")


def run(name: str, settings: Mapping[str, Any], *stages: str) -> None:
    """Runs an experiment up to the named stages, or all, in a copy of the last commit.

    settings: values by dotted names. Raises DataError when DVC fails.
    """
    changes = [f"{key}={json.dumps(value)}" for key, value in settings.items()]
    words = [word for change in changes for word in ("-S", change)]
    dvc("exp", "run", "--temp", "--name", name, *words, *stages)


def require_committed(command: str) -> None:
    """Raises ConfigError when the working tree differs from the commit that results would name.

    dvc.lock and reports/ may: they are what a run leaves behind. Raises it outside git too.
    """
    require_git(command)
    if commands.has_changes():
        raise ConfigError(f"{command} needs a working tree without changes; commit them first")


def require_git(command: str) -> None:
    """Raises ConfigError outside git, where DVC has no experiments."""
    if commands.head_commit() is None:
        raise ConfigError(
            f"{command} needs a git repository with a commit: DVC keeps experiments in git. "
            "`git init`, `git add -A` and `git commit` mend it"
        )


def references() -> list[str]:
    """Git's references to finished experiments, the newest first."""
    listed = git("for-each-ref", "--format=%(refname)", "--sort=-creatordate", "refs/exps/??/*/*")
    return (listed or "").split()


def labelled_references() -> dict[str, str]:
    """The references by the names of their experiments, the newest first.

    Experiments of different commits may share a name; then their commit follows it: name@abc1234.
    """
    refs = references()
    names = [ref.split("/")[-1] for ref in refs]
    return {
        name if names.count(name) == 1 else f"{name}@{_base(ref)[:7]}": ref
        for name, ref in zip(names, refs, strict=True)
    }


def unfinished() -> dict[str, str]:
    """The experiments of DVC's queue that have no results, each with what became of it so far."""
    from dvc.repo import Repo

    with Repo() as repo:
        listed = repo.experiments.celery_queue.status()
    return {
        one.get("name") or one["rev"][:7]: one["status"].lower()
        for one in listed
        if one["status"] != "Success"
    }


def queued_elsewhere() -> list[str]:
    """The queued experiments that DVC would run in another folder: this one is a copy of that.

    It keeps with each one the folder in which it was queued.
    """
    if not (paths.COPIES / "celery").is_dir():  # nothing was ever queued; DVC takes a while to load
        return []
    from dvc.repo import Repo

    with Repo() as repo:
        queued = list(repo.experiments.celery_queue.iter_queued())
    here = Path.cwd().resolve()
    return [one.name or one.stash_rev[:7] for one in queued if Path(one.dvc_root).resolve() != here]


def read_cached(digest: str) -> str | None:
    """The text that DVC's cache holds under a hash; None where it holds none."""
    path = Path(_cache(Path.cwd()).oid_to_path(digest))
    return path.read_text("utf-8") if path.is_file() else None


@functools.cache
def _cache(folder: Path) -> Any:
    """DVC's cache of a project; finding out where it is takes DVC a while."""
    from dvc.repo import Repo

    with Repo(str(folder)) as repo:
        return repo.cache.local


def result_commit(name: str) -> str | None:
    """The commit that holds an experiment's results; None when DVC knows none of this name."""
    return _newest(name, "objectname") or None


def base_commit(name: str) -> str | None:
    """The commit that an experiment was run from; None when DVC knows none of this name."""
    ref = _newest(name, "refname")
    return _base(ref) if ref else None


def text_at(commit: str, path: Path) -> str | None:
    """A file of this folder that git has at a commit; None where the commit has none.

    Raises DataError for one that it has and git cannot read, as in a clone without blobs.
    """
    if not git("ls-tree", "--name-only", commit, "--", str(path)):
        return None
    try:
        return git("show", f"{commit}:./{path}")
    except GitError as error:
        said = f"git cannot read {commit}:{path}; `git fetch --refetch` brings it ({error})"
        raise DataError(said) from None


def commit_reader(commit: str, called: str) -> Read:
    """Reads files that git has at a commit, and so the small results, not the large outs."""
    return partial(_at, commit, called)


def folder_reader(folder: Path) -> Read:
    """Reads files as they are in a project's folder."""
    return partial(_in_folder, folder)


def _in_folder(folder: Path, path: Path) -> str:
    try:
        return (folder / path).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise MissingError(f"{folder / path} is missing; `dvc repro` makes it") from None
    except UnicodeDecodeError as error:
        remedy = (
            f"`git checkout HEAD -- {path}` brings back the commit's, or `dvc repro` makes it anew"
        )
        raise EncodingError(str(folder / path), error, remedy) from None


def _at(commit: str, called: str, path: Path) -> str:
    text = text_at(commit, path)
    if text is None:
        raise MissingError(f"{called} has no {path}")
    return text


def _base(ref: str) -> str:
    """Of DVC's reference, refs/exps/<two digits of the base>/<the others>/<name>."""
    return "".join(ref.split("/")[2:4])


def _newest(name: str, what: str) -> str:
    form = f"--format=%({what})"
    newest = "--sort=-creatordate", "--count=1"
    return git("for-each-ref", form, *newest, f"refs/exps/*/*/{name}") or ""
