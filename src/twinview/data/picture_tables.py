"""Parquet tables with a column of pictures: encoded, as in files, or the bytes of their pixels."""

import contextlib
import hashlib
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from twinview.core.counts import counted
from twinview.core.errors import ConfigError, DataError
from twinview.core.files import atomic_folder
from twinview.core.registry import did_you_mean
from twinview.data.folder_scan import Scan, scan_folder
from twinview.data.labels import Labels, clean, describe_labels, split_of
from twinview.data.table_rows import read_table

NO_PICTURE = "no picture in its row"
_ROWS = 1024  # are read at a time


def read_pixels(file: Path, column: str, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """The pictures of a column of bytes, uint8 (n, *shape).

    Raises DataError for a row that has no bytes, or another number of them than `shape` needs.
    """
    size, parts = math.prod(shape), []
    with _opened(file) as table:
        for row, value in _values(file, table, column):
            if value is None or len(value) != size:
                raise DataError.at(
                    f"{file}, row {row + 1}, column {column!r},",
                    "is empty" if value is None else f"has {counted(len(value), 'byte')}",
                    f"give it the {counted(size, 'byte')} of the shape {list(shape)}, or set the "
                    "shape to null where pictures are encoded (PNG, JPEG, ...)",
                )
            parts.append(value)
    return np.frombuffer(bytearray(b"".join(parts)), np.uint8).reshape(-1, *shape)


def unpack_pictures(file: Path, column: str, below: Path) -> tuple[Path, Scan]:
    """A folder below `below` with a file for each picture of a column, named by its row, from 0.

    Rows without a picture are left out of the scan. A folder that was unpacked from the same file
    before is used again.
    """
    status = file.stat()
    text = f"{file.absolute()}\0{status.st_size}\0{status.st_mtime_ns}\0{column}"
    folder = below / hashlib.sha256(text.encode()).hexdigest()[:16]
    if not folder.is_dir():
        with _opened(file) as table, atomic_folder(folder) as temporary:
            for row, value in _values(file, table, column):
                path = temporary / f"{row:09d}"
                if value is not None:
                    path.write_bytes(value)
                    # Unpacked again, the pictures count as the same.
                    os.utime(path, ns=(status.st_mtime_ns, status.st_mtime_ns))
    scan = scan_folder(folder)
    rows = (f"{row:09d}" for row in range(count_rows(file)))
    lacking = {path: NO_PICTURE for path in rows if path not in scan.files}
    return folder, scan.without(lacking)


def read_columns(file: Path, roles: Mapping[str, str], split_names: Mapping[str, str]) -> Labels:
    """The labels, groups and splits of all rows. roles: from label, group or split to its column.

    Raises ConfigError for a column that is missing, and DataError for one of another type than
    text or whole numbers, and for a split of another name.
    """
    if not roles:
        return Labels()
    columns: dict[str, list[str | None]] = {role: [None] * count_rows(file) for role in roles}
    for line, cells in read_table(file, roles).rows:
        for role, cell in cells.items():
            columns[role][line - 1] = clean(cell)
    if "split" in columns:
        columns["split"] = [
            split_of(text, split_names, f"{file}, row {row + 1}")
            for row, text in enumerate(columns["split"])
        ]
    known = {role: tuple(column) for role, column in columns.items()}
    notes = describe_labels(known["label"]) if "label" in known else ()
    return Labels(known.get("label"), known.get("group"), known.get("split"), notes)


def select_rows(labels: Labels, rows: Sequence[int]) -> Labels:
    """What is known of some of the rows."""
    kept, groups, splits = (
        None if column is None else tuple(column[row] for row in rows)
        for column in (labels.labels, labels.groups, labels.splits)
    )
    return Labels(kept, groups, splits, labels.notes)


def count_rows(file: Path) -> int:
    """The number of rows of a Parquet file."""
    with _opened(file) as table:
        return int(table.metadata.num_rows)


@contextlib.contextmanager
def _opened(file: Path) -> Iterator[pq.ParquetFile]:
    try:
        with pq.ParquetFile(file, memory_map=True) as table:
            yield table
    except pa.ArrowException as error:
        raise DataError.at(file, f"is no whole Parquet file ({error})", "write it again") from None


def _values(file: Path, table: pq.ParquetFile, column: str) -> Iterator[tuple[int, bytes | None]]:
    """The row, from 0, and the bytes of each cell, of which few are in memory at a time."""
    names = table.schema_arrow.names
    if column not in names:
        near = did_you_mean(column, names)
        raise ConfigError.at(file, f"has no column {column!r}{near}", "name the column of pictures")
    row = 0
    for batch in table.iter_batches(_ROWS, columns=[column]):
        for value in _bytes_of(file, column, batch.column(0)):
            yield row, value
            row += 1


def _bytes_of(file: Path, column: str, values: Any) -> list[bytes | None]:
    kind = values.type
    if pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0:
        values = values.field("bytes")  # as Hugging Face's data sets store pictures
        kind = values.type
    binary = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary)
    if not any(test(kind) for test in binary):
        raise DataError.at(file, f"has a column {column!r} of {kind}", "write pictures as binary")
    found: list[bytes | None] = values.to_pylist()
    return found
