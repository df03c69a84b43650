"""Labelled pairs of examples, read from a CSV file of the user: a pair is alike or not."""

import csv
import io
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from twinview.core.errors import ConfigError, DataError
from twinview.core.types import Pairs, Split

COLUMNS = ["first", "second", "alike"]
_DIGITS = re.compile("[0-9]{1,18}")  # any such number fits into 64 bits
_LONGEST = 80


def read(path: Path, splits: Mapping[str, Split]) -> Pairs | None:
    """The pairs of a CSV file: columns first and second (ids of train examples), alike (1 or 0).

    The result is None when the file has no more than its header. Raises ConfigError when the file
    does not exist, and DataError, with the line, for ids that are not of train examples and for
    contradictions.
    """
    rows = {name: row for row, name in enumerate(splits["train"].ids.tolist())}
    known: dict[frozenset[int], int] = {}
    pairs = []
    for place, (first, second, alike) in _lines(path):
        for name in (first, second):
            if name not in rows:
                raise DataError(
                    f"{place}: {_describe_id(name, splits)}; pairs are of train examples"
                )
        if known.setdefault(frozenset((first, second)), 1 if first == second else alike) != alike:
            raise DataError(
                f"{place}: calls {first} and {second} {('not alike', 'alike')[alike]}, which "
                "contradicts an earlier line, or that an example is alike itself"
            )
        pairs.append((rows[first], rows[second], alike))
    if not pairs:
        return None
    firsts, seconds, labels = torch.tensor(pairs).unbind(1)
    return Pairs(firsts, seconds, labels == 1)


def _lines(path: Path) -> Iterator[tuple[str, tuple[int, int, int]]]:
    """For each line, its place in words and its three numbers."""
    # Line ends stay as they are, since csv has to see those within quotes.
    reader = csv.reader(io.StringIO(_text(path), newline=""), strict=True)
    if (header := next(_rows(reader, path), ("", []))[1]) != COLUMNS:
        raise DataError.at(
            f"{path} (data.pairs)",
            f"begins with {_shorten(header)}",
            f"its first line has to be {','.join(COLUMNS)}",
        )
    for place, row in _rows(reader, path):
        yield place, _numbers(row, place)


def _rows(reader: Any, path: Path) -> Iterator[tuple[str, list[str]]]:
    """The remaining rows, each with the place of its first line."""
    while True:
        place = f"{path} (data.pairs), line {reader.line_num + 1}"
        try:
            yield place, next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise DataError(f"{place}: is no CSV: {error}") from None


def _text(path: Path) -> str:
    """The content of the file, without the byte-order mark that spreadsheets write."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        raise ConfigError(
            f"data.pairs: there is no file {path}; name a CSV file with the columns "
            f"{','.join(COLUMNS)}, or null where there are no pairs"
        ) from None
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} (data.pairs) is not UTF-8 text: {error}; save it as UTF-8"
        ) from None


def _numbers(row: list[str], place: str) -> tuple[int, int, int]:
    # Digits alone: int() takes '1_000', ' 7', '+1' and the digits of every script too.
    if len(row) == 3 and all(_DIGITS.fullmatch(cell) for cell in row) and row[2] in ("0", "1"):
        return int(row[0]), int(row[1]), int(row[2])
    raise DataError(f"{place}: is {_shorten(row)}, not two ids and 1 (alike) or 0 (not alike)")


def _shorten(row: list[str]) -> str:
    """A row as text on one line, cut where it is long."""
    text = repr(",".join(row))
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _describe_id(name: int, splits: Mapping[str, Split]) -> str:
    for split_name, split in splits.items():
        if (split.ids == name).any():
            return f"{name} is a {split_name} example"
    return f"no example has the id {name}"
