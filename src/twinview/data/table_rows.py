"""The rows of a user's table, as text: CSV with any usual separator, TSV or Parquet."""

import csv
import difflib
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from twinview.core.counts import counted
from twinview.core.errors import ConfigError, DataError, EncodingError

_SEPARATORS = (",", ";", "\t")
_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}  # Excel's "Unicode text"
_AS_CSV = "save it as CSV in UTF-8, or as Parquet"


@dataclass(frozen=True)
class Table:
    """The columns of a table that were asked for.

    rows: for each row its number and its cells by role, not stripped; an empty cell is "". unit:
    what the number counts, line or row. unread: the other columns. short: the number of rows that
    end before the last column.
    """

    rows: list[tuple[int, dict[str, str]]]
    unit: str
    unread: tuple[str, ...]
    short: int = 0


def read_table(file: Path, columns: Mapping[str, str]) -> Table:
    """The rows of a table that are not empty.

    The content decides whether the file is Parquet or text; a text must not be named .parquet. The
    first line of a text names the columns, and they tell the separator.

    Parameters
    ----------
    file : CSV (comma, semicolon or tab) in UTF-8, or in UTF-16 with its mark, or Parquet.
    columns : from a role, such as label, to the name of its column.

    Raises
    ------
    ConfigError : there is no such file, or it lacks a column.
    DataError : the file has no rows or is broken; the message names the line.
    """
    try:
        with file.open("rb") as opened:
            head = opened.read(4)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        raise ConfigError.at(file, "does not exist", "name a CSV, TSV or Parquet file") from None
    if head == b"PK\x03\x04":
        raise DataError.at(file, "is a spreadsheet or another zip file", _AS_CSV)
    is_parquet = head == b"PAR1"
    if file.suffix.lower() == ".parquet" and not is_parquet:
        problem = "is named as Parquet, but its content is not"
        raise DataError.at(file, problem, "write it again, or name it .csv if it is text")
    table = (_read_parquet if is_parquet else _read_text)(file, columns)
    if not table.rows:
        raise DataError.at(file, "has no rows", "add one for each labelled file")
    return table


def _read_text(file: Path, columns: Mapping[str, str]) -> Table:
    text = _decode(file, file.read_bytes())
    lines: Iterator[tuple[int, list[str]]] = iter(())
    first, names = 1, list[str]()
    for separator in _order_separators(text):
        lines = _lines(file, text, separator)
        first, header = next((row for row in lines if any(row[1])), (1, []))
        names = [name.strip() for name in header]
        if set(columns.values()) <= set(names):
            break
    if not any(names):
        raise DataError.at(file, "is empty", "its first line has to name the columns")
    positions = _positions(f"{file}, line {first}", names, columns)
    rows, short = [], 0
    for number, cells in lines:
        if any(cell.strip() for cell in cells[len(names) :]):
            raise DataError.at(
                f"{file}, line {number}",
                f"has {counted(len(cells), 'cell')} ({_shorten(cells)}) where line {first} names "
                f"{len(names)}",
                "put quotes around a cell that holds the separator",
            )
        if any(map(str.strip, cells)):
            short += len(cells) < len(names)
            cells += [""] * (len(names) - len(cells))
            rows.append((number, {role: cells[place] for role, place in positions.items()}))
    return Table(rows, "line", _unread(names, columns), short)


def _order_separators(text: str) -> list[str]:
    """The separators to try, those of the first line before others.

    A table of one column has none; a tab is then the least likely in the name of a file.
    """
    header = text.lstrip("\r\n").splitlines()[0] if text.strip() else ""
    return [mark for mark in _SEPARATORS if mark in header] or ["\t"]


def _lines(file: Path, text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """The number of the first line and the cells of each row."""
    # Line ends stay as they are, since csv has to see those within quotes.
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True, strict=True
    )
    while True:
        number = reader.line_num + 1
        try:
            yield number, next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise DataError.at(
                f"{file}, line {number}",
                f"is no line of a table ({error})",
                'double a quote within quotes (""), and let a separator follow the closing one',
            ) from None


def _decode(file: Path, content: bytes) -> str:
    """The text, without the byte-order mark that spreadsheets write."""
    try:
        return content.decode(_MARKS.get(content[:2], "utf-8-sig"))
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise EncodingError(f"{file}, line {line},", error, _AS_CSV) from None


def _read_parquet(file: Path, columns: Mapping[str, str]) -> Table:
    try:
        with pq.ParquetFile(file, memory_map=True) as opened:
            names = opened.schema_arrow.names
            _positions(str(file), names, columns)
            table = opened.read(columns=list(dict.fromkeys(columns.values())))
    except pa.ArrowException as error:
        raise DataError.at(file, f"is no whole Parquet file ({error})", "write it again") from None
    cells = [_texts(file, name, table[name]) for name in columns.values()]
    rows = [
        (number, dict(zip(columns, row, strict=True)))
        for number, row in enumerate(zip(*cells, strict=True), start=1)
        if any(map(str.strip, row))
    ]
    return Table(rows, "row", _unread(names, columns))


def _texts(file: Path, name: str, column: pa.ChunkedArray) -> list[str]:
    """The cells as text; null is "". Fractions are refused, since 1.0 may have been 1 or 01."""
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    allowed = (
        pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view,
        pa.types.is_integer, pa.types.is_boolean, pa.types.is_null,
    )  # fmt: skip
    if not any(test(kind) for test in allowed):
        raise DataError.at(file, f"has a column {name!r} of {kind}", "write the column as text")
    texts: list[str] = pc.fill_null(column.cast(kind).cast(pa.string()), "").to_pylist()
    return texts


def _positions(place: str, names: list[str], columns: Mapping[str, str]) -> dict[str, int]:
    """The positions of the columns by role; names that are missing or occur twice are refused."""
    for role, name in columns.items():
        if names.count(name) != 1:
            often = "has no column" if name not in names else "has more than one column"
            near = difflib.get_close_matches(name, names, n=1)
            raise ConfigError.at(
                place,
                f"{often} {name!r} (it has {', '.join(map(repr, names))})",
                f"name {repr(near[0]) if near else 'one of them'} as the column of the {role}, or "
                "null where the table has none",
            )
    return {role: names.index(name) for role, name in columns.items()}


def _unread(names: list[str], columns: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(name for name in names if name and name not in columns.values())


def _shorten(cells: list[str]) -> str:
    text = repr(", ".join(cells))
    return text if len(text) <= 80 else f"{text[:80]}..."
