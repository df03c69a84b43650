"""A scan of a folder: the path, the size and the time of every file below it.

The file of a scan stands for the folder where DVC would have to hash every file of it.
"""

import errno
import heapq
import os
import stat
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from twinview.core.counts import describe_counts
from twinview.core.errors import DataError
from twinview.core.litter import HIDDEN, LEFTOVER, is_hidden, is_leftover
from twinview.core.parquet_files import load_table, save_table

_SCHEMA = pa.schema(
    [
        pa.field("path", pa.string(), nullable=False),
        pa.field("size", pa.int64()),
        pa.field("mtime_ns", pa.int64()),
        pa.field("reason", pa.string()),
    ]
)
_NO_TARGET = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)


class Stamp(NamedTuple):
    """What tells that a file has changed: its size in bytes and its modification time."""

    size: int
    mtime_ns: int


@dataclass(frozen=True)
class Scan:
    """What lies below a folder.

    files: the regular files by their relative paths, in the order of the paths' bytes. left_out:
    why each other entry is not among them; a folder that was not entered is one entry.
    """

    files: Mapping[str, Stamp]
    left_out: Mapping[str, str]

    def without(self, reasons: Mapping[str, str]) -> "Scan":
        """The same scan with some of its files left out, each for the reason given."""
        kept = {path: stamp for path, stamp in self.files.items() if path not in reasons}
        return Scan(kept, dict(sorted({**self.left_out, **reasons}.items())))


@dataclass(frozen=True)
class Changes:
    """The sorted paths of the files that differ between two scans."""

    added: tuple[str, ...]
    deleted: tuple[str, ...]
    changed: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.added or self.deleted or self.changed)


def scan_folder(folder: Path) -> Scan:
    """The files below a folder; no file is opened.

    Linked folders are entered once, after all real folders, so that a folder below `folder` has
    its own path; of several links to one folder the first in the order of paths counts. Files
    that are links have the size and the time of their target. Hidden names, names that systems
    and editors leave behind, names that are not UTF-8, links to nothing, and folders that cannot
    be read are left out.

    Raises DataError when `folder` is no folder, cannot be read, or holds no file.
    """
    if not folder.is_dir():
        problem = "is no folder" if folder.exists() else "does not exist"
        raise DataError.at(folder, problem, "name a folder that holds the files")
    walk = _Walk(str(folder))
    walk.run()
    if "" in walk.left_out:
        remedy = f"see who owns it, and what it permits (`ls -ld {folder}`)"
        raise DataError.at(folder, f"is {walk.left_out['']}", remedy)
    if not walk.files:
        others = describe_counts(Counter(walk.left_out.values()))
        besides = f" (left out: {others})" if others else ""
        raise DataError.at(folder, f"holds no file{besides}", "name a folder that holds the files")
    return Scan(dict(sorted(walk.files.items())), dict(sorted(walk.left_out.items())))


def compare_scans(old: Scan, new: Scan) -> Changes:
    """Which files were added, deleted or changed; a renamed file is deleted and added."""
    both = old.files.keys() & new.files.keys()
    return Changes(
        tuple(sorted(new.files.keys() - both)),
        tuple(sorted(old.files.keys() - both)),
        tuple(sorted(path for path in both if old.files[path] != new.files[path])),
    )


def save_scan(path: Path, scan: Scan) -> None:
    """Writes a scan as Parquet; equal folders give equal bytes, wherever they lie."""
    rows: list[tuple[Any, ...]] = [(name, *stamp, None) for name, stamp in scan.files.items()]
    rows += [(name, None, None, reason) for name, reason in scan.left_out.items()]
    columns = zip(*rows, strict=True) if rows else [()] * len(_SCHEMA)
    save_table(path, pa.table([list(column) for column in columns], schema=_SCHEMA))


def load_scan(path: Path) -> Scan:
    """The scan that save_scan wrote. Raises DataError when the file is missing or broken."""
    columns = load_table(path, _SCHEMA).to_pydict().values()
    files, left_out = {}, {}
    for name, size, mtime_ns, reason in zip(*columns, strict=True):
        if reason is None:
            files[name] = Stamp(size, mtime_ns)
        else:
            left_out[name] = reason
    return Scan(files, left_out)


@dataclass
class _Walk:
    """A walk below `root`; paths are relative to it, and "" is the root itself."""

    root: str
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
        if reason := _reason_of_name(entry.name):
            self.left_out[_printable(path)] = reason
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


def _reason_of_name(name: str) -> str:
    """Why an entry of this name is left out; "" when it is not."""
    if is_hidden(name):
        return HIDDEN
    return "" if _printable(name) == name else "named in bytes that are not UTF-8"


def _printable(path: str) -> str:
    """The path, with the bytes that are not UTF-8 written like \\xe9."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _reason_of_error(entry: os.DirEntry[str], error: OSError) -> str:
    if error.errno in _NO_TARGET:
        return "linked to nothing" if entry.is_symlink() else "gone while the folder was read"
    return f"a file that cannot be read ({error.strerror})"
