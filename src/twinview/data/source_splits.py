"""The splits of a source of examples in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from twinview.core import registry
from twinview.core.errors import DataError
from twinview.core.types import NO_GROUP, NO_LABEL, Modality, Source, Split
from twinview.data.split_rows import split_rows
from twinview.data.splits import NAMES, Prepared


@dataclass(frozen=True)
class Columns:
    """What is known of examples: a value or None for each of them; None: no example has one.

    labels: names or numbers of classes. given: the split in which an example has to be.
    """

    ids: Sequence[int]
    labels: Sequence[str | int | None] | None
    groups: Sequence[str | None] | None
    given: Sequence[str | None] | None


def split_source(source: Source, wanted: Mapping[str, float], seed: int) -> Prepared:
    """The stratified splits of a source, as split_rows draws them, with train's statistics.

    Parameters
    ----------
    source : the rows.
    wanted : of train, validation and test, the number of rows (integers) or the share (floats).
    seed : chooses the rows.

    Raises
    ------
    ConfigError : the source has fewer rows.
    DataError : an id occurs twice, the modality cannot store the inputs, or groups and given splits
        contradict each other.
    """
    known = columns(source)
    division = split_rows(
        known.ids,
        wanted,
        seed,
        labels=known.labels,
        groups=known.groups,
        given=known.given,
    )
    return prepare(source, division.splits)


def columns(source: Source) -> Columns:
    """What is known of the rows: those to fit on, and then those to test on.

    Raises DataError when an id occurs twice.
    """
    parts = parts_of(source)
    ids = [number for part in parts for number in part.ids.tolist()]
    if len(set(ids)) < len(ids):
        raise DataError("an id occurs twice in the source; make ids unique across its rows")
    given = source.given
    if source.test is not None:
        given = ("train",) * len(source.fit) + ("test",) * len(source.test)
    groups = _column([part.groups for part in parts], NO_GROUP)
    return Columns(
        ids,
        _column([part.labels for part in parts], NO_LABEL),
        None if groups is None else [_group_name(source, number) for number in groups],
        given,
    )


def prepare(source: Source, splits: Sequence[str | None]) -> Prepared:
    """The splits of a source. splits: of each of its rows, or None.

    Raises DataError when the modality cannot store the inputs.
    """
    parts = parts_of(source)
    modality: Modality = registry.bind("modalities", source.modality, {})()
    for part in parts:
        modality.check(part.inputs)
    taken = {name: _rows_of(parts, [split == name for split in splits]) for name in NAMES}
    statistics = modality.statistics(taken["train"].inputs)
    return Prepared(taken, source.classes, source.modality, statistics)


def parts_of(source: Source) -> list[Split]:
    """The rows to fit on, and the rows to test on if there are any."""
    return [source.fit] if source.test is None else [source.fit, source.test]


def _group_name(source: Source, number: int | None) -> str | None:
    if number is None:
        return None
    return source.groups[number] if source.groups else str(number)


def _column(columns: Sequence[Tensor | None], none: int) -> list[int | None] | None:
    """The numbers of all parts, with None for the number that means none."""
    joined = _joined(columns)
    if joined is None:
        return None
    return [None if value == none else value for value in joined.tolist()]


def _rows_of(parts: Sequence[Split], chosen: Sequence[bool]) -> Split:
    """The chosen rows, in their order; copies can move rows of one part beside those of another."""
    start, taken = 0, []
    for part in parts:
        rows = torch.tensor(chosen[start : start + len(part)]).nonzero().squeeze(1)
        if len(rows):
            taken.append(part.take(rows))
        start += len(part)
    if len(taken) < 2:
        return taken[0] if taken else parts[-1].take(torch.arange(0))
    labels = _joined([part.labels for part in taken])
    groups = _joined([part.groups for part in taken])
    inputs = torch.cat([part.inputs for part in taken])
    ids = torch.cat([part.ids for part in taken])
    return Split(inputs, labels, ids, groups)


def _joined(columns: Sequence[Tensor | None]) -> Tensor | None:
    """The numbers of all parts; None where a part has none."""
    known = [column for column in columns if column is not None]
    return torch.cat(known) if len(known) == len(columns) else None
