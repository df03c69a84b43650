"""The picture files below a folder, and all other files with the reasons why they are left out."""

import os
import re
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath

from twinview.core.counts import describe_counts
from twinview.core.errors import DataError
from twinview.core.litter import HIDDEN, LEFTOVER, is_hidden, is_leftover
from twinview.pictures import kinds

_ESCAPED = re.compile(rb"\\(\\|x[0-9a-f]{2})")


@dataclass(frozen=True)
class Listing:
    """What lies below a folder, as paths relative to it, sorted.

    pictures: the files to read. left_out: (path, reason) of each other file, and of each folder
    that is not entered. Names that are not UTF-8 have surrogates, as os.fsdecode makes them:
    `escape_name` makes text of them.
    """

    pictures: tuple[str, ...]
    left_out: tuple[tuple[str, str], ...]

    def count_left_out(self) -> Counter[str]:
        """The number of files that are left out, by reason."""
        return Counter(reason for _, reason in self.left_out)


def list_folder(folder: Path) -> Listing:
    """What lies below a folder.

    Linked folders are entered, each once. A folder of litter counts as one file. A file without a
    picture's suffix is one of the pictures if its first bytes say so; what a file with such a
    suffix really is shows when it is read. Raises DataError when `folder` is no folder or cannot be
    listed.
    """
    if not folder.is_dir():
        raise DataError.at(folder, "is no folder", "name one that holds pictures")
    pictures, left_out, start = [], [], os.fspath(folder)
    for path, reason in _walk(start):
        name = path[len(start) :].replace(os.sep, "/").lstrip("/")
        if not reason:
            pictures.append(name)
        elif not name:
            raise DataError.at(folder, f"is a {reason}", "see what it permits (`ls -ld`)")
        else:
            left_out.append((name, reason))
    return Listing(tuple(sorted(pictures)), tuple(sorted(left_out)))


def list_pictures(folder: Path) -> Listing:
    """What lies below a folder, as list_folder. Raises DataError when that is no picture."""
    listing = list_folder(folder)
    if not listing.pictures:
        left_out = listing.count_left_out()
        others = f" (it holds {describe_counts(left_out)})" if left_out else ""
        ends = ", ".join(kinds.SUFFIXES)
        raise DataError(f"{folder} holds no file that ends in {ends}{others}")
    return listing


def escape_name(name: str) -> str:
    r"""A path as text that every table and terminal can hold, different for different paths.

    A byte that is not UTF-8 becomes \xff (its number), and a backslash becomes two. All other names
    stay as they are. `unescape_name` is the inverse.
    """
    doubled = os.fsencode(name).replace(b"\\", b"\\\\")
    return doubled.decode("utf-8", "backslashreplace")


def unescape_name(text: str) -> str:
    """The path of which `escape_name` made the text."""
    return os.fsdecode(_ESCAPED.sub(_unescape, text.encode()))


def _unescape(match: re.Match[bytes]) -> bytes:
    escaped = match[1]
    return escaped if escaped == b"\\" else bytes([int(escaped[1:], 16)])


def _walk(folder: str) -> Iterator[tuple[str, str]]:
    """All files, and the folders that are not entered, each with the reason to leave it out or "".

    Linked folders wait until all others are entered, so that a folder below is entered by its own
    name.
    """
    waiting, entered = deque([folder]), set[tuple[int, int]]()
    while waiting:
        current = waiting.popleft()
        try:
            status = Path(current).stat()
            if (status.st_dev, status.st_ino) in entered:
                yield current, "linked to a folder that was read"
                continue
            entered.add((status.st_dev, status.st_ino))
            with os.scandir(current) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError:
            yield current, "folder that cannot be read"
            continue
        for entry in entries:
            linked = entry.is_symlink()
            # os.path: Path.is_dir raises for a link into a folder that may not be read.
            is_folder = os.path.isdir(entry.path) if linked else entry.is_dir()  # noqa: PTH112
            if is_folder and not is_hidden(entry.name):
                (waiting.append if linked else waiting.appendleft)(entry.path)
            else:
                yield entry.path, _reason(entry)


def _reason(entry: os.DirEntry[str]) -> str:
    """Why a file, or a folder that is not entered, is left out; "" for a picture."""
    if is_hidden(entry.name):
        return HIDDEN
    if entry.is_symlink() and not os.path.exists(entry.path):  # noqa: PTH110 - a million times
        return "linked to nothing"
    if not entry.is_file():
        return "no file"
    if is_leftover(entry.name):
        return LEFTOVER
    suffix = PurePath(entry.name).suffix.lower()
    if suffix in kinds.SUFFIXES or kinds.is_picture(entry.name, _head(entry.path)):
        return ""
    return f"*{suffix}" if suffix else "without a suffix"


def _head(path: str) -> bytes:
    try:
        with open(path, "rb") as file:  # noqa: PTH123
            return file.read(kinds.HEAD_BYTES)
    except OSError:
        return b""
