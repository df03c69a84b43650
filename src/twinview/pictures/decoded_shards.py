"""Shards of decoded pictures: each is a file of their bytes and a Parquet table of their files.

A shard is written whole, first the bytes and then the table with their checksum. So a folder of
shards that lost its process has whole shards only.
"""

import hashlib
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from twinview.core import files
from twinview.core.errors import DataError
from twinview.core.parquet_files import load_table, save_table
from twinview.pictures.decoding_processes import File, Info, Outcome, Stamp
from twinview.pictures.files import LeftOut
from twinview.pictures.folders import escape_name, unescape_name

PIXELS, TABLE = ".uint8", ".parquet"
_CHECKSUM = "sha256"  # of the pixels, in the table's metadata
_NAMES = pa.list_(pa.field("element", pa.string()))  # as Parquet names it
# file_size, mtime_ns: when it was decoded. row: of its pixels in the shard. reason, detail:
# why it has none. height, width: those of the upright picture in the file.
_SCHEMA = pa.schema(
    [
        pa.field("path", pa.string(), nullable=False),
        pa.field("file_size", pa.int64(), nullable=False),
        pa.field("mtime_ns", pa.int64(), nullable=False),
        pa.field("row", pa.int32()),
        pa.field("reason", pa.string()),
        pa.field("detail", pa.string()),
        pa.field("kind", pa.string()),
        pa.field("height", pa.int32()),
        pa.field("width", pa.int32()),
        pa.field("changes", _NAMES),
        pa.field("conversions", _NAMES),
        pa.field("warnings", _NAMES),
    ]
)


class Entry(NamedTuple):
    """What became of a file. row: of its picture in the shard, or None when it is left out."""

    path: str
    stamp: Stamp
    row: int | None
    info: Info | LeftOut


@dataclass(frozen=True)
class Shard:
    """One shard: the file of its pixels, and what became of each of its files.

    shape: (c, h, w). count: the number of its pictures.
    """

    pixels: Path
    shape: tuple[int, ...]
    entries: Sequence[Entry]
    count: int

    def current(self, files: Mapping[str, Stamp]) -> Iterator[Entry]:
        """The entries of those files that have not changed since."""
        return (entry for entry in self.entries if files.get(entry.path) == entry.stamp)

    def take(self, rows: np.ndarray) -> np.ndarray:
        """The pictures (n, c, h, w) of the rows; the file is mapped only meanwhile."""
        try:
            mapped = np.memmap(self.pixels, np.uint8, "r", shape=(self.count, *self.shape))
        except (OSError, ValueError) as error:
            remedy = "`twinview clean decoded`, then `dvc repro`, decodes the files again"
            raise DataError.at(self.pixels, f"cannot be read ({error})", remedy) from None
        taken: np.ndarray = mapped[rows]
        return taken

    def remove(self) -> None:
        """Deletes the shard; the table first, without which the bytes count for nothing."""
        self.pixels.with_suffix(TABLE).unlink(missing_ok=True)
        self.pixels.unlink(missing_ok=True)


def write_shard(
    folder: Path, shape: tuple[int, ...], batch: Sequence[File], outcomes: Iterable[Outcome]
) -> Shard:
    """Writes the outcomes of a batch of files. Raises BusyError when the disk is full.

    Equal outcomes give equal bytes. The shard's name depends on the files and their stamps.
    """
    name = hashlib.sha256(repr(batch).encode("utf-8", "surrogateescape")).hexdigest()[:16]
    pixels = folder / f"{name}{PIXELS}"
    checksum, entries, count = hashlib.sha256(), list[Entry](), 0
    with files.atomic_file(pixels) as temporary, temporary.open("wb") as file:
        for (path, stamp), picture, info in outcomes:
            entries.append(Entry(path, stamp, None if picture is None else count, info))
            if picture is not None:
                file.write(picture.data)
                checksum.update(picture.data)
                count += 1
    rows = [_as_row(entry) for entry in entries]
    schema = _SCHEMA.with_metadata({_CHECKSUM: checksum.hexdigest()})
    save_table(pixels.with_suffix(TABLE), pa.Table.from_pylist(rows, schema))
    return Shard(pixels, shape, entries, count)


def open_shards(folder: Path, shape: tuple[int, ...]) -> Iterator[Shard]:
    """The whole shards of a folder, in the order of their names.

    All else is deleted: what a killed process left, and shards whose checksum is wrong.
    """
    for path in sorted(folder.glob(f"*{TABLE}")):
        try:
            yield _open(path, shape)
        except DataError:
            path.unlink()
    for path in [*folder.glob(f"*{PIXELS}"), *folder.glob(".*.part")]:
        if not path.with_suffix(TABLE).exists():
            path.unlink()


def _open(path: Path, shape: tuple[int, ...]) -> Shard:
    """The shard with this table. Raises DataError unless it is whole."""
    table, pixels = load_table(path, _SCHEMA), path.with_suffix(PIXELS)
    expected = (table.schema.metadata or {}).get(_CHECKSUM.encode(), b"").decode()
    if not pixels.is_file() or files.sha256(pixels) != expected:
        raise DataError.at(pixels, "is not whole", "delete it")
    entries = list(_as_entries(table.to_pydict()))
    return Shard(pixels, shape, entries, len(table) - table["row"].null_count)


def _as_row(entry: Entry) -> dict[str, Any]:
    (size, mtime_ns), info = entry.stamp, entry.info
    values = {"path": escape_name(entry.path), "file_size": size, "mtime_ns": mtime_ns}
    if isinstance(info, LeftOut):
        return values | {"reason": info.reason, "detail": info.detail}
    height, width = info.size
    return values | {"row": entry.row, "height": height, "width": width} | info._asdict()


def _as_entries(columns: Mapping[str, list[Any]]) -> Iterator[Entry]:
    known: dict[tuple[str, ...], tuple[str, ...]] = {}  # equal tuples share their memory

    def names(value: list[str]) -> tuple[str, ...]:
        return known.setdefault(tuple(value), tuple(value))

    for path, size, time, row, reason, detail, kind, height, width, *lists in zip(
        *columns.values(), strict=True
    ):
        left_out = LeftOut(reason, detail) if row is None else None
        info = left_out or Info(sys.intern(kind), (height, width), *map(names, lists))
        yield Entry(unescape_name(path), (size, time), row, info)
