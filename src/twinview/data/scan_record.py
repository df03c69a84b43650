"""A small file that stands for the user's files: DVC hashes it in place of all of them."""

import hashlib
from pathlib import Path
from typing import Any

from twinview.core import files
from twinview.core.folder_walk import Stamp
from twinview.core.types import Source
from twinview.data.file_source import FileSource
from twinview.data.text_source import TextSource


def renew(path: Path, source: FileSource | Source | TextSource) -> bool:
    """Writes what a source was read from into the file, unless it has it; whether it was written.

    It is for sources that declare files of the user. The file has no path of the source, so that
    git learns nothing of a folder but its size.
    """
    record = describe(_stamps(source))
    if path.is_file() and files.load_json(path) == record:
        return False
    files.save_json(path, record)
    return True


def describe(stamps: dict[str, Stamp]) -> dict[str, Any]:
    """How many files and bytes there are, and a digest that changes when any file does."""
    digest = hashlib.sha256()
    for name, stamp in stamps.items():
        digest.update(f"{name}\0{stamp.size}\0{stamp.mtime_ns}\0".encode())
    return {
        "files": len(stamps),
        "bytes": sum(stamp.size for stamp in stamps.values()),
        "digest": digest.hexdigest(),
    }


def _stamps(source: FileSource | Source | TextSource) -> dict[str, Stamp]:
    """The size and the time of each file; those beside a folder have the name alone."""
    if isinstance(source, FileSource):
        stamps, others = dict(source.scan.files), source.also
    else:
        stamps, others = {}, source.files
    for number, path in enumerate(others):
        status = path.stat()
        stamps[f"/{number}/{path.name}"] = Stamp(status.st_size, status.st_mtime_ns)
    return stamps
