"""Labels, groups and given splits of examples from a table of the user."""

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from twinview.core.counts import counted
from twinview.core.errors import DataError
from twinview.data.labels import SPLIT_NAMES, Labels, clean, describe_labels, split_of
from twinview.data.path_matching import KnownPaths

if TYPE_CHECKING:
    from twinview.data.table_rows import Table


@dataclass(frozen=True, kw_only=True)
class Columns:
    """The names of a table's columns; None: the table has no such column.

    Without a column of paths the rows are the examples in their order.
    """

    path: str | None
    label: str | None
    group: str | None
    split: str | None


class _Values(NamedTuple):
    """What a row says of its example."""

    label: str | None
    group: str | None
    split: str | None


def read_labels(
    file: Path,
    columns: Columns,
    folder: Path,
    paths: Sequence[str],
    split_names: Mapping[str, str] = SPLIT_NAMES,
) -> Labels:
    """What a table says of each path; an example without a row has None everywhere.

    Text stays text: "NA", "007", "true" and "1e3" are labels, and only an empty cell is none.
    Spaces around a value do not count, and Unicode is composed (NFC). A file may be named twice
    by rows that say the same.

    Parameters
    ----------
    file : CSV, TSV or Parquet; table_rows.read_table describes what it reads.
    columns : the names of the columns.
    folder : the folder of the files.
    paths : the relative paths of all its files, with slashes.
    split_names : from the table's names of splits to train, validation and test.

    Raises
    ------
    ConfigError : there is no such table, or it lacks a column.
    DataError : the table is broken or empty, names a file that is missing, contradicts itself, or
        names another split. The message states the line, the value and the remedy.
    """
    from twinview.data.table_rows import read_table  # pyarrow: settings are checked without it

    roles = {role: name for role, name in dataclasses.asdict(columns).items() if name is not None}
    table = read_table(file, roles)
    number_of = _match_by_path if columns.path is not None else _match_by_order
    numbers = number_of(file, table, KnownPaths(folder, paths))
    values: list[_Values | None] = [None] * len(paths)
    lines: dict[int, int] = {}
    for number, (line, cells) in zip(numbers, table.rows, strict=True):
        place = f"{file}, {table.unit} {line}"
        split = split_of(clean(cells.get("split")), split_names, place)
        row = _Values(clean(cells.get("label")), clean(cells.get("group")), split)
        earlier = values[number]
        if earlier is not None and earlier != row:
            earlier_place = f"{table.unit} {lines[number]}"
            raise _contradiction(place, paths[number], row, earlier, earlier_place)
        values[number] = row
        lines.setdefault(number, line)
    labels = _collect(values, roles)
    return dataclasses.replace(labels, notes=_notes(file, table, numbers, labels, len(paths)))


def _match_by_path(file: Path, table: "Table", known: KnownPaths) -> list[int]:
    """For each row, the number of its path."""
    found = [known.find(cells["path"]) for _, cells in table.rows]
    missing = [row for row, number in zip(table.rows, found, strict=True) if number is None]
    if missing:
        line, cells = missing[0]
        cell = cells["path"]
        others = f" (such rows: {len(missing):,})" if len(missing) > 1 else ""
        raise DataError.at(
            f"{file}, {table.unit} {line}",
            f"names the file {cell!r}, which is not among the "
            f"{counted(len(known.paths), 'file')}{others}"
            if cell.strip()
            else f"names no file{others}",
            known.remedy(cell) if cell.strip() else "write the file's path, or remove the row",
        )
    return [number for number in found if number is not None]


def _match_by_order(file: Path, table: "Table", known: KnownPaths) -> list[int]:
    if len(table.rows) != len(known.paths):
        raise DataError.at(
            file,
            f"has {counted(len(table.rows), 'row')} for {counted(len(known.paths), 'example')}",
            "give each example its row, or name a column of paths",
        )
    return list(range(len(table.rows)))


def _contradiction(
    place: str, path: str, row: _Values, earlier: _Values, earlier_place: str
) -> DataError:
    role = next(role for role in _Values._fields if getattr(row, role) != getattr(earlier, role))
    now, before = (
        f"the {role} {value!r}" if value is not None else f"no {role}"
        for value in (getattr(row, role), getattr(earlier, role))
    )
    return DataError.at(
        place,
        f"gives {path!r} {now}, where {earlier_place} gives it {before}",
        "remove one of the two",
    )


def _collect(values: Sequence[_Values | None], roles: Mapping[str, str]) -> Labels:
    def column(role: str) -> tuple[str | None, ...] | None:
        return tuple(getattr(value, role, None) for value in values) if role in roles else None

    return Labels(column("label"), column("group"), column("split"))


def _notes(
    file: Path, table: "Table", numbers: Sequence[int], labels: Labels, examples: int
) -> tuple[str, ...]:
    repeated = sum(count - 1 for count in Counter(numbers).values())
    without = examples - len(set(numbers))
    unread = ", ".join(map(repr, table.unread))
    notes = [
        f"{file}: rows that repeat an earlier row: {repeated:,}" * bool(repeated),
        f"{file}: {without:,} of {examples:,} files have no row" * bool(without),
        f"{file}: lines that end before the last column: {table.short:,}" * bool(table.short),
        f"{file}: columns that are not read: {unread}" * bool(unread),
    ]
    labelled = describe_labels(labels.labels) if labels.labels is not None else ()
    return (*filter(None, notes), *labelled)
