"""All that lies below a folder: its regular files, and why each other entry is left out.

The scan of a source and the commands that take a folder read folders by this module.
"""

import errno
import heapq
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from twinview.core.errors import DataError
from twinview.core.litter import HIDDEN, LEFTOVER, is_hidden, is_leftover

NOT_UTF8 = "named in bytes that are not UTF-8"
_NO_TARGET = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)


class Stamp(NamedTuple):
    """What tells that a file has changed: its size in bytes and its modification time."""

    size: int
    mtime_ns: int


def walk(folder: Path, *, utf8_only: bool) -> tuple[dict[str, Stamp], dict[str, str]]:
    """The files below a folder, and the reasons of the other entries, both by relative path.

    No file is opened. Linked folders are entered once, after all real folders, so that a folder
    below `folder` has its own path; of several links to one folder the first in the order of paths
    counts. Files that are links have the size and the time of their target. Hidden names, names
    that systems and editors leave behind, links to nothing, and folders that cannot be read are
    left out. A folder that is not entered is one entry. Paths are in the order of their characters.

    Parameters
    ----------
    folder : is only read.
    utf8_only : whether names that are not UTF-8 are left out, their bytes written like \\xe9.
        Otherwise they have surrogates, as os.fsdecode makes them.

    Raises
    ------
    DataError : `folder` is no folder, or cannot be read.
    """
    if not folder.is_dir():
        problem = "is no folder" if folder.exists() else "does not exist"
        raise DataError.at(folder, problem, "name a folder that holds the files")
    found = _Walk(str(folder), utf8_only)
    found.run()
    if "" in found.left_out:
        remedy = f"see who owns it, and what it permits (`ls -ld {folder}`)"
        raise DataError.at(folder, f"is {found.left_out['']}", remedy)
    return dict(sorted(found.files.items())), dict(sorted(found.left_out.items()))


@dataclass
class _Walk:
    """A walk below `root`; paths are relative to it, and "" is the root itself."""

    root: str
    utf8_only: bool
    files: dict[str, Stamp] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    entered: set[tuple[int, int]] = field(default_factory=set)
    links: list[str] = field(default_factory=lambda: [""])  # a heap of folders to enter later

    def run(self) -> None:
        while self.links:
            folders = [heapq.heappop(self.links)]
            while folders:
                folders += self._enter(folders.pop())

    def _enter(self, path: str) -> list[str]:
        """Records the entries of a folder, and returns the real folders among them."""
        try:
            status = os.stat(f"{self.root}/{path}")  # noqa: PTH116 -- Path takes a third longer
            identity = (status.st_dev, status.st_ino)
            if identity in self.entered:
                self.left_out[path] = "a folder that was read under another name"
                return []
            self.entered.add(identity)
            with os.scandir(f"{self.root}/{path}") as entries:
                listed = sorted(entries, key=lambda entry: entry.name, reverse=True)
        except OSError as error:
            self.left_out[path] = f"a folder that cannot be read ({error.strerror})"
            return []
        prefix = f"{path}/" if path else ""
        return [prefix + entry.name for entry in listed if self._add(prefix, entry)]

    def _add(self, prefix: str, entry: os.DirEntry[str]) -> bool:
        """Records an entry that is no real folder. Returns whether it is one."""
        path = prefix + entry.name
        text = _printable(path) if self.utf8_only else path
        if is_hidden(entry.name) or text != path:
            self.left_out[text] = HIDDEN if is_hidden(entry.name) else NOT_UTF8
            return False
        try:
            if entry.is_dir():
                if entry.is_symlink():
                    heapq.heappush(self.links, path)
                return not entry.is_symlink()
            status = entry.stat()
        except OSError as error:
            self.left_out[path] = _reason_of_error(entry, error)
            return False
        if not stat.S_ISREG(status.st_mode):
            self.left_out[path] = "no file"
        elif is_leftover(entry.name):
            self.left_out[path] = LEFTOVER
        else:
            self.files[path] = Stamp(status.st_size, status.st_mtime_ns)
        return False


def _printable(path: str) -> str:
    """The path, with the bytes that are not UTF-8 written like \\xe9."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _reason_of_error(entry: os.DirEntry[str], error: OSError) -> str:
    if error.errno in _NO_TARGET:
        return "linked to nothing" if entry.is_symlink() else "gone while the folder was read"
    return f"a file that cannot be read ({error.strerror})"
