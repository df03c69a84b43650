"""Pairs of examples with a label that says alike or not, from a CSV file of the user's."""

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch

from twinview.errors import ConfigError, DataError
from twinview.types import Pairs, Split

COLUMNS = ["first", "second", "alike"]


def read(path: Path, splits: Mapping[str, Split]) -> Pairs | None:
    """The pairs of a file with columns first, second (ids of train examples), alike (1 or 0).

    None for a file that has no more than its header. Raises ConfigError when there is no such file,
    DataError, with the line, for ids that are not of train examples and for contradictions.
    """
    rows = {name: row for row, name in enumerate(splits["train"].ids.tolist())}
    said: dict[frozenset[int], int] = {}
    found = []
    for place, (first, second, alike) in _lines(path):
        for name in (first, second):
            if name not in rows:
                raise DataError(f"{place}: {_who(name, splits)}; pairs are of train examples")
        if said.setdefault(frozenset((first, second)), 1 if first == second else alike) != alike:
            raise DataError(
                f"{place}: calls {first} and {second} {('not alike', 'alike')[alike]}, which "
                "contradicts an earlier line, or that an example is alike itself"
            )
        found.append((rows[first], rows[second], alike))
    if not found:
        return None
    firsts, seconds, labels = torch.tensor(found).unbind(1)
    return Pairs(firsts, seconds, labels == 1)


def _lines(path: Path) -> Iterator[tuple[str, tuple[int, int, int]]]:
    """Every line's place in words, and its three numbers."""
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, IsADirectoryError):
        raise ConfigError(
            f"data.pairs: there is no file {path}; name a CSV file with the columns "
            f"{','.join(COLUMNS)}, or recipes/no_pairs.csv"
        ) from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path} (data.pairs) is not UTF-8 text: {error}") from None
    reader = csv.reader(text.splitlines())
    if (header := next(reader, [])) != COLUMNS:
        raise DataError(
            f"{path} (data.pairs) begins with {','.join(header)!r}; its first line has to be "
            f"{','.join(COLUMNS)}"
        )
    for line in reader:
        place = f"{path} (data.pairs), line {reader.line_num}"
        yield place, _numbers(line, place)


def _numbers(line: list[str], place: str) -> tuple[int, int, int]:
    try:
        first, second, alike = (int(value) for value in line)
        if alike in (0, 1):
            return first, second, alike
    except ValueError:
        pass
    raise DataError(f"{place}: is {','.join(line)!r}, not two ids and 1 (alike) or 0 (not alike)")


def _who(name: int, splits: Mapping[str, Split]) -> str:
    for split, of in splits.items():
        if (of.ids == name).any():
            return f"{name} is a {split} example"
    return f"no example has the id {name}"
