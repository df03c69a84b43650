"""A scan of a folder: the path, the size and the time of every file below it.

The file of a scan stands for the folder where DVC would have to hash every file of it.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from twinview.core.counts import describe_counts
from twinview.core.errors import DataError
from twinview.core.folder_walk import Stamp, walk
from twinview.core.parquet_files import load_table, save_table

_SCHEMA = pa.schema(
    [
        pa.field("path", pa.string(), nullable=False),
        pa.field("size", pa.int64()),
        pa.field("mtime_ns", pa.int64()),
        pa.field("reason", pa.string()),
    ]
)


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

    folder_walk.walk says how it is read. Names that are not UTF-8 are left out.

    Raises DataError when `folder` is no folder, cannot be read, or holds no file.
    """
    files, left_out = walk(folder, utf8_only=True)
    if not files:
        others = describe_counts(Counter(left_out.values()))
        besides = f" (left out: {others})" if others else ""
        raise DataError.at(folder, f"holds no file{besides}", "name a folder that holds the files")
    return Scan(files, left_out)


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
