"""How much disk space files take, and which processes work in a folder."""

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import psutil

_BLOCK = 512  # the unit of st_blocks, whatever the file system's own is


def list_files(path: Path) -> Iterator[Path]:
    """All files below a folder, or the file itself. Links are not followed."""
    if path.is_file() or path.is_symlink():
        yield path
    for folder, _, names in os.walk(path):
        yield from (Path(folder) / name for name in names)


def disk_usage(paths: Iterable[Path]) -> int:
    """The bytes of all files at and below the paths; a file with several hard links counts once.

    A file that disappears meanwhile does not count, since others may work with the same cache.
    """
    blocks = {}
    for path in paths:
        for file in list_files(path):
            with contextlib.suppress(FileNotFoundError):
                status = file.lstat()
                blocks[status.st_dev, status.st_ino] = status.st_blocks
    return sum(blocks.values()) * _BLOCK


def find_process(folder: Path, program: str = "") -> str:
    """A description of a process that works in the folder or below it; "" if there is none.

    program: if it is given, only processes count that run it, in the folder itself.
    """
    for process in psutil.process_iter(["cwd", "cmdline"]):
        cwd, words = process.info["cwd"], process.info["cmdline"] or []
        if not cwd or process.pid == os.getpid():  # cwd is None for other users' processes
            continue
        here = Path(cwd) == folder if program else Path(cwd).is_relative_to(folder)
        if here and (not program or program in [Path(word).name for word in words[:4]]):
            return f"process {process.pid} ({' '.join(words)[:60]})"
    return ""
