"""The splits of a source of examples in memory."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from twinview.core import registry
from twinview.core.errors import DataError
from twinview.core.types import NO_GROUP, NO_LABEL, Modality, Source, Split
from twinview.data.split_rows import split_rows
from twinview.data.splits import NAMES, Prepared


def split_source(
    source: Source, wanted: Mapping[str, float], seed: int, *, stratified: bool = True
) -> Prepared:
    """The splits of a source, as split_rows draws them. The statistics are those of train.

    Parameters
    ----------
    source : the rows.
    wanted : of train, validation and test, the number of rows (integers) or the share (floats).
    seed : chooses the rows.
    stratified : whether the splits have all classes in proportion; else labels do not count.

    Raises
    ------
    ConfigError : the source has fewer rows.
    DataError : an id occurs twice, the modality cannot store the inputs, or groups and given splits
        contradict each other.
    """
    fit, test = source.fit, source.test
    parts = [fit] if test is None else [fit, test]
    ids = [number for part in parts for number in part.ids.tolist()]
    if len(set(ids)) < len(ids):
        raise DataError("an id occurs twice in the source; make ids unique across its rows")
    given = source.given
    if test is not None:
        given = ("train",) * len(fit) + ("test",) * len(test)
    groups = _column([part.groups for part in parts], NO_GROUP)
    division = split_rows(
        ids,
        wanted,
        seed,
        labels=_column([part.labels for part in parts], NO_LABEL) if stratified else None,
        groups=None if groups is None else [g if g is None else str(g) for g in groups],
        given=given,
    )
    modality: Modality = registry.bind("modalities", source.modality, {})()
    for part in parts:
        modality.check(part.inputs)
    splits = {name: _rows_of(parts, [split == name for split in division.splits]) for name in NAMES}
    statistics = modality.statistics(splits["train"].inputs)
    return Prepared(splits, source.classes, source.modality, statistics)


def _column(columns: Sequence[Tensor | None], none: int) -> list[int | None] | None:
    """The numbers of all parts, with None for the number that means none."""
    known = [column for column in columns if column is not None]
    if len(known) < len(columns):
        return None
    return [None if value == none else value for value in torch.cat(known).tolist()]


def _rows_of(parts: Sequence[Split], chosen: Sequence[bool]) -> Split:
    """The chosen rows of the one part that has any of them, in its order."""
    start = 0
    for part in parts:
        rows = torch.tensor(chosen[start : start + len(part)]).nonzero().squeeze(1)
        if len(rows) or part is parts[-1]:
            return part.take(rows)
        start += len(part)
    raise AssertionError("a source has a part")
