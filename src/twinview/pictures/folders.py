"""The picture files below a folder, and the number of other files, by reason."""

from collections import Counter, deque
from collections.abc import Iterator
from pathlib import Path

from twinview.core.errors import DataError
from twinview.pictures import files

# Files that Windows, macOS and network disks leave among pictures, in lower case.
_SYSTEM_NAMES = ("thumbs.db", "desktop.ini", "$recycle.bin", "@eadir", "__macosx")


def list_pictures(folder: Path) -> tuple[list[str], Counter[str]]:
    """The sorted relative paths of all picture files, and the number of other files by reason.

    A hidden folder, or one of a system, counts as one file. Raises DataError when the folder holds
    no picture.
    """
    if not folder.is_dir():
        raise DataError.at(folder, "is no folder", "name one that holds pictures")
    names, left_out = [], Counter[str]()
    for path in _entries(folder):
        if reason := _reason(path):
            left_out[reason] += 1
        else:
            names.append(path.relative_to(folder).as_posix())
    if not names:
        others = f" (it holds {describe_counts(left_out)})" if left_out else ""
        ends = ", ".join(files.SUFFIXES)
        raise DataError(f"{folder} holds no file that ends in {ends}{others}")
    return sorted(names), left_out


def describe_counts(reasons: Counter[str]) -> str:
    """Numbers and reasons in words, the most frequent first."""
    return ", ".join(f"{count:,} {reason}" for reason, count in reasons.most_common())


def _entries(folder: Path) -> Iterator[Path]:
    """All files below a folder, and folders that are not entered.

    A folder that several links name is entered once, by its own name if that lies below too.
    """
    waiting, entered = deque([folder]), set[Path]()
    while waiting:
        current = waiting.popleft()
        if current.resolve() in entered:
            yield current
            continue
        entered.add(current.resolve())
        for path in sorted(current.iterdir()):
            if path.is_dir() and not _is_litter(path):
                (waiting.append if path.is_symlink() else waiting.appendleft)(path)
            else:
                yield path


def _reason(path: Path) -> str:
    """Why the path is not read as a picture; "" when it is."""
    if _is_litter(path):
        return "hidden or a system's"
    if path.is_dir():
        return "linked to a folder that was read"
    if path.is_symlink() and not path.exists():
        return "linked to nothing"
    if not path.is_file():
        return "no file"
    if path.suffix.lower() in files.SUFFIXES:
        return ""
    return f"*{path.suffix.lower()}" if path.suffix else "without a suffix"


def _is_litter(path: Path) -> bool:
    return path.name.startswith(".") or path.name.lower() in _SYSTEM_NAMES
