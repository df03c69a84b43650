"""Settings that were found to be in order: what has to load PyTorch to hear so does it once."""

import contextlib
import hashlib
import os
from importlib.metadata import version
from pathlib import Path

from twinview.core import paths

_MOST = 100
FOLDER = paths.SCRATCH / "twinview/checked"  # a file without content for each


def key(settings: str) -> str:
    """A name for settings under this code and this PyTorch, which may refuse other ones."""
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
    """Remembers a key, except outside of a project and where nothing can be written."""
    if Path(".dvc").is_dir():
        with contextlib.suppress(OSError):
            FOLDER.mkdir(parents=True, exist_ok=True)
            (FOLDER / name).touch()
            for old in sorted(FOLDER.iterdir(), key=lambda file: file.stat().st_mtime)[:-_MOST]:
                old.unlink(missing_ok=True)
