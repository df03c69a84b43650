"""The picture files below a folder, and how many others there are, by reason."""

from collections import Counter, deque
from collections.abc import Iterator
from pathlib import Path

from twinview.core.errors import DataError
from twinview.pictures import files

# What Windows, macOS and network disks leave among pictures; names in small letters.
_SYSTEM_NAMES = ("thumbs.db", "desktop.ini", "$recycle.bin", "@eadir", "__macosx")


def list_pictures(folder: Path) -> tuple[list[str], Counter[str]]:
    """Relative paths of all picture files, sorted, and what else there is: how many, by reason.

    A hidden folder, or one of a system, counts as one. Raises DataError where there is no picture.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder; name one that holds pictures")
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
    """All that lies below but folders that are entered: each once, and by its own name first."""
    waiting, entered = deque([folder]), set[Path]()
    while waiting:
        here = waiting.popleft()
        if here.resolve() in entered:
            yield here
            continue
        entered.add(here.resolve())
        for path in sorted(here.iterdir()):
            if path.is_dir() and not _is_litter(path):
                (waiting.append if path.is_symlink() else waiting.appendleft)(path)
            else:
                yield path


def _reason(path: Path) -> str:
    """Why a path is no picture file to be read; empty where it is one."""
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
