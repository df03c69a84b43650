"""Recordings of a user's file: a table in long form, with a row for each step, or a .npz."""

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from twinview.core.counts import counted
from twinview.core.errors import DataError
from twinview.data.array_files import open_array
from twinview.data.labels import clean, split_of
from twinview.data.picture_arrays import texts_of
from twinview.data.series_source import Recording
from twinview.data.table_rows import Table, read_table

_MISSING = {"", "na", "nan", "null", "none", "?"}  # words for a value that was not measured
Numbers = NDArray[np.float64]


def read_long_table(
    file: Path,
    words: Mapping[str, str],
    time: str | None,
    channels: Sequence[str],
    split_names: Mapping[str, str],
) -> list[Recording]:
    """The recordings of a table, in the order in which they begin.

    Parameters
    ----------
    file : CSV, TSV or Parquet, as read_table takes them.
    words : the columns of series, label, group and split, by role; series has to be there.
    time : the column of times, numbers that grow within a series; None: rows are in order.
    channels : the columns of values, in which an empty cell, NA, NaN or ? is a missing value.
    split_names : from the words for splits to train, validation and test.

    Raises
    ------
    ConfigError : the file or a column is missing.
    DataError : a value is no number, a time is not after the one before, or a series has several
        groups or splits; the message names the line.
    """
    numbers = dict.fromkeys([*channels, *([] if time is None else [time])])
    table, values = _read(file, words, list(numbers))
    places = [f"{file}, {table.unit} {number}" for number, _ in table.rows]
    names = [clean(cells["series"]) for _, cells in table.rows]
    rows_of: dict[str, list[int]] = {}
    for row, name in enumerate(names):
        if name is None:
            raise DataError.at(places[row], "names no series", "fill the column of series in")
        rows_of.setdefault(name, []).append(row)
    recordings = []
    for name, rows in rows_of.items():
        if time is not None:
            _require_order(values[time], rows, places)
        known = {
            role: [clean(table.rows[row][1].get(role)) for row in rows]
            for role in ("label", "group", "split")
        }
        one = {role: _only(known[role], role, name, places[rows[0]]) for role in ("group", "split")}
        recordings.append(
            Recording(
                name,
                np.stack([values[channel][rows] for channel in channels]).astype(np.float32),
                tuple(known["label"]),
                one["group"],
                split_of(one["split"], split_names, places[rows[0]]),
            )
        )
    return recordings


def read_npz(
    file: Path, inputs: str, words: Mapping[str, str], split_names: Mapping[str, str]
) -> list[Recording]:
    """The recordings of a .npz, whose array of inputs is (n, channels, steps).

    Parameters
    ----------
    file : the .npz.
    inputs : the name of the array of values, in which NaN is a missing one.
    words : the arrays of label, group and split (n,), by role.
    split_names : from the words for splits to train, validation and test.

    Raises
    ------
    ConfigError : an array is missing.
    DataError : an array has the wrong type or length.
    """
    values, place = open_array(file, inputs), f"{file}, array {inputs!r},"
    if values.ndim != 3 or values.dtype.kind not in "fiu" or 0 in values.shape:
        raise DataError.at(
            place,
            f"is {values.dtype} with shape {values.shape}",
            "give it numbers with the axes (recordings, channels, steps)",
        )
    known: dict[str, Sequence[str | None]] = {
        role: texts_of(open_array(file, name), len(values), f"{file}, array {name!r},")
        for role, name in words.items()
    }
    nothing = [None] * len(values)
    label, group, split = (known.get(role, nothing) for role in ("label", "group", "split"))
    return [
        Recording(
            f"recording {row}",
            np.asarray(values[row], np.float32),
            (label[row],),
            group[row],
            split_of(split[row], split_names, place),
        )
        for row in range(len(values))
    ]


def _read(
    file: Path, words: Mapping[str, str], numbers: Sequence[str]
) -> tuple[Table, dict[str, Numbers]]:
    """The rows of words, and the columns of numbers."""
    if file.is_file() and file.read_bytes()[:4] == b"PAR1":
        table = read_table(file, words)
        columns = pq.read_table(file, columns=[*numbers]).to_pydict()
        kept = [number - 1 for number, _ in table.rows]
        return table, {name: _as_numbers(file, name, columns[name])[kept] for name in numbers}
    everything = read_table(file, {**words, **{f"number {name}": name for name in numbers}})
    values = {}
    for name in numbers:
        cells = [(number, row[f"number {name}"]) for number, row in everything.rows]
        values[name] = np.array([_number(file, name, *cell) for cell in cells])
    return everything, values


def _as_numbers(file: Path, name: str, column: list[object]) -> Numbers:
    try:
        return pa.array(column, pa.float64()).to_numpy(zero_copy_only=False)  # type: ignore[no-any-return]
    except pa.ArrowException:
        kind = type(next(filter(None, column), None)).__name__
        raise DataError.at(
            file, f"has a column {name!r} of {kind}", "write the column as numbers"
        ) from None


def _number(file: Path, name: str, line: int, cell: str) -> float:
    """The number in a cell. Raises DataError for any other text."""
    text = cell.strip()
    if text.lower() in _MISSING:
        return float("nan")
    try:
        value = float(text)
    except ValueError:
        value = float("inf")
    if np.isinf(value):
        raise DataError.at(
            f"{file}, line {line}, column {name!r},",
            f"has {text!r}, which is no finite number",
            "write a number with a point, or leave the cell empty",
        )
    return value


def _require_order(times: Numbers, rows: Sequence[int], places: Sequence[str]) -> None:
    """Raises DataError unless each time of a series is after the one before."""
    for before, row in itertools.pairwise(rows):
        if not times[row] > times[before]:
            problem = "is the same as" if times[row] == times[before] else "is not after"
            raise DataError.at(
                places[row],
                f"has the time {times[row]:g}, which {problem} {times[before]:g} in the row before "
                "of its series",
                "sort the rows of each series by time, and leave out those that occur twice",
            )


def _only(column: Sequence[str | None], role: str, name: str, place: str) -> str | None:
    """The one value that all rows of a series have. Raises DataError for several."""
    different = set(column)
    if len(different) > 1:
        raise DataError.at(
            place,
            f"begins the series {name!r}, which has {counted(len(different), 'value')} as its "
            f"{role} ({', '.join(sorted(map(str, different)))})",
            f"give all its rows the same {role}",
        )
    return different.pop()
