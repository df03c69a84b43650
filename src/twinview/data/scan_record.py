"""A small file that stands for a folder of examples: DVC hashes it in place of the folder."""

import hashlib
from pathlib import Path
from typing import Any

from twinview.core import files
from twinview.data.file_source import FileSource


def renew(path: Path, source: FileSource) -> bool:
    """Writes what a scan found into the file, unless it has it. Returns whether it was written.

    The file has no path of the source, so that git learns nothing of the folder but its size.
    """
    record = describe(source)
    if path.is_file() and files.load_json(path) == record:
        return False
    files.save_json(path, record)
    return True


def describe(source: FileSource) -> dict[str, Any]:
    """How many files and bytes there are, and a digest that changes when any file does."""
    stamps = source.scan.files
    digest = hashlib.sha256()
    for name, stamp in stamps.items():
        digest.update(f"{name}\0{stamp.size}\0{stamp.mtime_ns}\0".encode())
    return {
        "files": len(stamps),
        "bytes": sum(stamp.size for stamp in stamps.values()),
        "digest": digest.hexdigest(),
        "table": files.sha256(source.table) if source.table else None,
    }
