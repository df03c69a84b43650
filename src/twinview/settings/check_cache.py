"""Remembers settings that passed the check, since a check loads PyTorch, which takes seconds."""

import contextlib
import hashlib
import os
from importlib.metadata import version
from pathlib import Path

from twinview.core import paths

_MAX_KEYS = 100
FOLDER = paths.SCRATCH / "twinview/checked"  # holds an empty file for each key


def key(settings: str) -> str:
    """The hash of settings, of the package's code and of PyTorch's version.

    Other code, or another PyTorch, may refuse the same settings.
    """
    digest = hashlib.sha256(f"{version('torch')}\n{settings}".encode())
    package = Path(__file__).parents[1]
    for file in sorted(package.rglob("*.py")):
        content = file.read_bytes()
        digest.update(f"{file.relative_to(package)} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def has(name: str) -> bool:
    """Whether the project in this folder remembers a key."""
    return os.access(FOLDER / name, os.F_OK)


def add(name: str) -> None:
    """Remembers a key; does nothing outside of a project, or where nothing can be written."""
    if Path(".dvc").is_dir():
        with contextlib.suppress(OSError):
            FOLDER.mkdir(parents=True, exist_ok=True)
            (FOLDER / name).touch()
            for old in sorted(FOLDER.iterdir(), key=lambda file: file.stat().st_mtime)[:-_MAX_KEYS]:
                old.unlink(missing_ok=True)
