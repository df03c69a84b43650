"""Commands need a project's folder; this module reports an error in any other one."""

import argparse
import os
import shlex
from collections.abc import Iterator
from pathlib import Path

from twinview.core.errors import ConfigError

_FILES = ("params.yaml", "dvc.yaml")
# These commands need no project when this option names what they read.
_OPTIONS = {"check": "params", "embed": "models", "export": "models", "neighbours": "models"}


def require(command: str, options: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """Raises ConfigError when the command needs a project and the folder is not one.

    options, parser: of the command's command line.
    """
    option = _OPTIONS.get(command)
    if any(map(_exists, _FILES)) or (option and _is_given(option, options, parser)):
        return
    near = next(_near_projects(Path.cwd()), None)
    remedies = [f"`cd {shlex.quote(str(near))}`" if near else "`cd` into one"]
    remedies += [f"name the {option} by --{option}"] if option else []
    raise ConfigError.at(
        Path.cwd(),
        f"is no twinview project: it has no {' and no '.join(_FILES)}",
        ", or ".join(remedies),
    )


def _is_given(option: str, options: argparse.Namespace, parser: argparse.ArgumentParser) -> bool:
    """Whether the option was given, or its default exists."""
    path = getattr(options, option)
    return path != parser.get_default(option) or _exists(path)


def _near_projects(folder: Path) -> Iterator[Path]:
    """The projects that contain the folder, then those directly inside it."""
    inside = (path.parent for path in sorted(folder.glob(f"*/{_FILES[0]}")))
    for candidate in (*folder.parents, *inside):
        if all(_exists(candidate / name) for name in _FILES):
            yield candidate


def _exists(path: Path | str) -> bool:
    return os.access(path, os.F_OK)
