"""What files take on the disk, and which processes are at work in a folder."""

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import psutil

_BLOCK = 512  # the unit of st_blocks, whatever the file system's own is


def list_files(path: Path) -> Iterator[Path]:
    """All files below a folder, or the file itself; links are not followed, what is gone is not."""
    if path.is_file() or path.is_symlink():
        yield path
    for folder, _, names in os.walk(path):
        yield from (Path(folder) / name for name in names)


def disk_usage(paths: Iterable[Path]) -> int:
    """The bytes of all files at and below the paths; one of several names (hard links) counts once.

    A file that goes meanwhile does not count: others may work with a cache, too.
    """
    blocks = {}
    for path in paths:
        for file in list_files(path):
            with contextlib.suppress(FileNotFoundError):
                seen = file.lstat()
                blocks[seen.st_dev, seen.st_ino] = seen.st_blocks
    return sum(blocks.values()) * _BLOCK


def find_process(folder: Path, program: str = "") -> str:
    """A process in a folder, or in one below it, in words; "" when there is none.

    program: only processes that run it count, and only in the folder itself.
    """
    for process in psutil.process_iter(["cwd", "cmdline"]):
        place, words = process.info["cwd"], process.info["cmdline"] or []
        if not place or process.pid == os.getpid():  # of another user, or gone meanwhile
            continue
        here = Path(place) == folder if program else Path(place).is_relative_to(folder)
        if here and (not program or program in [Path(word).name for word in words[:4]]):
            return f"process {process.pid} ({' '.join(words)[:60]})"
    return ""
