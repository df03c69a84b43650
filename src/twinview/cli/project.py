"""Which commands need a project's folder, and what is said in any other one."""

import argparse
import os
import shlex
from collections.abc import Iterator
from pathlib import Path

from twinview.core.errors import ConfigError

_FILES = ("params.yaml", "dvc.yaml")
# All commands work in a project's folder. These do without where the option names what they need.
_WITHOUT = {"check": "params", "embed": "models", "export": "models", "neighbours": "models"}


def require(command: str, options: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """Raises ConfigError for a command that needs a project, in a folder that is none."""
    option = _WITHOUT.get(command)
    if any(map(_is_there, _FILES)) or (option and _is_named(option, options, parser)):
        return
    near = next(_near(Path.cwd()), None)
    remedies = [f"`cd {shlex.quote(str(near))}`" if near else "`cd` into one"]
    remedies += [f"name the {option} by --{option}"] if option else []
    raise ConfigError(
        f"{Path.cwd()} is no twinview project: it has no {' and no '.join(_FILES)}; "
        f"{', or '.join(remedies)}"
    )


def _is_named(option: str, options: argparse.Namespace, parser: argparse.ArgumentParser) -> bool:
    """Whether the option was given, or its default is there."""
    path = getattr(options, option)
    return path != parser.get_default(option) or _is_there(path)


def _near(folder: Path) -> Iterator[Path]:
    """Projects that the folder is in, and those right below it."""
    below = (path.parent for path in sorted(folder.glob(f"*/{_FILES[0]}")))
    for one in (*folder.parents, *below):
        if all(_is_there(one / name) for name in _FILES):
            yield one


def _is_there(path: Path | str) -> bool:
    return os.access(path, os.F_OK)
