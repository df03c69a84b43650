"""DVC experiments by their names: run one, read what it made."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from twinview import commands
from twinview.commands import git
from twinview.errors import DataError


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


def base(name: str) -> str | None:
    """The commit that an experiment was run from; None when DVC knows none of this name."""
    ref = _newest(name, "refname")
    return "".join(ref.split("/")[2:4]) if ref else None


def read(name: str, path: Path) -> str:
    """A file of an experiment, from git or DVC's cache. Raises DataError when there is none."""
    made = _newest(name, "objectname")
    if not made:
        raise DataError(f"DVC has no experiment {name}; `dvc exp show` lists what there is")
    text = git("show", f"{made}:{path}")
    return _from_cache(name, made, path) if text is None else text


def _from_cache(name: str, made: str, path: Path) -> str:
    from dvc import api
    from dvc.exceptions import DvcException

    try:
        text: str = api.read(str(path), rev=made)
    except (DvcException, OSError) as error:
        raise DataError(f"the experiment {name} has no {path} ({error})") from None
    return text


def _newest(name: str, what: str) -> str:
    """Of DVC's reference, refs/exps/<two digits of the base>/<the others>/<name>."""
    form = f"--format=%({what})"
    newest = "--sort=-creatordate", "--count=1"
    return git("for-each-ref", form, *newest, f"refs/exps/*/*/{name}") or ""
