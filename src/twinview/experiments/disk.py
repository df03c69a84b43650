"""What files take on the disk, and which processes are at work in a folder."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import psutil

_BLOCK = 512  # the unit of st_blocks, whatever the file system's own is


def files(path: Path) -> Iterator[Path]:
    """All files below a folder, or the file itself; links are not followed, what is gone is not."""
    if path.is_file() or path.is_symlink():
        yield path
    for folder, _, names in os.walk(path):
        yield from (Path(folder) / name for name in names)


def taken(paths: Iterable[Path]) -> int:
    """The bytes that files take; one of several names (hard links) counts once."""
    found = {(seen.st_dev, seen.st_ino): seen.st_blocks for seen in _stats(paths)}
    return sum(found.values()) * _BLOCK


def freed(paths: Iterable[Path]) -> int:
    """The bytes that are free when all these names are gone: a file with another name stays."""
    seen = list(_stats(set(paths)))
    names = Counter((one.st_dev, one.st_ino) for one in seen)
    blocks = {(one.st_dev, one.st_ino): one.st_blocks for one in seen}
    last = {(s.st_dev, s.st_ino) for s in seen if s.st_nlink <= names[s.st_dev, s.st_ino]}
    return sum(blocks[one] for one in last) * _BLOCK


def at_work(folder: Path, program: str = "") -> str:
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


def _stats(paths: Iterable[Path]) -> Iterator[os.stat_result]:
    for path in paths:
        try:
            yield path.lstat()
        except FileNotFoundError:  # of a cache that others work with, too
            continue
