"""The picture files below a folder, and all other files with the reasons why they are left out."""

import os
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from twinview.core.counts import describe_counts
from twinview.core.errors import DataError
from twinview.core.folder_walk import walk
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

    folder_walk.walk says how it is read. A file without a picture's suffix is one of the pictures
    if its first bytes say so; what a file with such a suffix really is shows when it is read.
    Raises DataError when `folder` is no folder or cannot be read.
    """
    files, left_out = walk(folder, utf8_only=False)
    pictures = []
    for name in files:
        if reason := _reason(folder, name):
            left_out[name] = reason
        else:
            pictures.append(name)
    return Listing(tuple(pictures), tuple(sorted(left_out.items())))


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


def _reason(folder: Path, name: str) -> str:
    """Why a file is left out; "" for a picture."""
    suffix = PurePosixPath(name).suffix.lower()
    if suffix in kinds.SUFFIXES or kinds.is_picture(name, _head(f"{folder}/{name}")):
        return ""
    return f"*{suffix}" if suffix else "without a suffix"


def _head(path: str) -> bytes:
    try:
        with open(path, "rb") as file:  # noqa: PTH123
            return file.read(kinds.HEAD_BYTES)
    except OSError:
        return b""
