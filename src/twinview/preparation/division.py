"""What becomes of the examples of a source: which split each falls into, and which are copies."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from twinview.core.counts import counted
from twinview.core.errors import ConfigError
from twinview.data.copies import plan_copies
from twinview.data.labels import Labels
from twinview.data.source_splits import Columns
from twinview.data.split_rows import split_rows
from twinview.data.splits import NAMES, Prepared
from twinview.preparation import examples
from twinview.preparation.copies import find_copies
from twinview.settings.sections import Data


@dataclass(frozen=True)
class Divided:
    """The prepared splits, the columns of the table of examples, and sentences on both."""

    prepared: Prepared
    table: Mapping[str, Sequence[Any]]
    notes: tuple[str, ...]


_LEAST = 3  # examples of a split: neighbours and distances are measured in each


@dataclass(frozen=True)
class Places:
    """Where examples went. splits: of each, or None. fates: what the table says of each of them."""

    splits: Sequence[str | None]
    fates: Sequence[Mapping[str, Any]]
    notes: tuple[str, ...]


def place_examples(
    columns: Columns,
    read: Callable[[np.ndarray], np.ndarray],
    options: Data,
    *,
    stratified: bool,
    are_pictures: bool,
) -> Places:
    """Where each example goes.

    Parameters
    ----------
    columns : what is known of the examples.
    read : the inputs of some rows.
    options : the section data of params.yaml.
    stratified : whether the splits have all classes in proportion; else labels do not count.
    are_pictures : whether inputs are pictures, of which near copies are looked for.

    Raises
    ------
    ConfigError : there are fewer examples than the splits want, or hardly any in one of them.
    DataError : ids, groups and given splits contradict each other.
    """
    plan = plan_copies(
        find_copies(read, len(columns.ids), are_pictures=are_pictures),
        columns.ids,
        labels=columns.labels if stratified else None,
        groups=columns.groups,
        given=columns.given,
        duplicates=options.duplicates,
        near_pairs=options.near_pairs,
    )
    kept = plan.kept
    division = split_rows(
        [columns.ids[row] for row in kept],
        {name: getattr(options, name) for name in NAMES},
        options.seed,
        labels=plan.take(columns.labels),
        groups=plan.groups,
        given=plan.given,
        stratified=stratified,
    )
    splits = plan.spread(division.splits)
    _require_several(division.rows, len(kept))
    fates = [
        (examples.left_out(reason) if reason else examples.status(split))
        | {"copy_of": copy_of, "near_of": near_of}
        for reason, split, copy_of, near_of in zip(
            plan.reasons, splits, plan.copy_of, plan.near_of, strict=True
        )
    ]
    return Places(splits, fates, (*plan.notes, *division.notes))


def most_train_examples(count: int, labels: Labels, options: Data) -> int:
    """How many train examples there can be at most; copies, and what cannot be read, lower it.

    Parameters
    ----------
    count : the number of files.
    labels : what is known of them. Groups and given splits can make train larger than its share.
    options : the section data of params.yaml.
    """
    if isinstance(options.train, int):
        return options.train
    divided_alone = labels.groups is None and labels.splits is None
    if divided_alone and options.near_pairs != "one_split":
        return math.ceil(options.train * count)
    return count


def _require_several(rows: Mapping[str, int], examples: int) -> None:
    """Raises ConfigError when a split is too small to measure anything in it."""
    small = {name: count for name, count in rows.items() if count < _LEAST}
    if small:
        counts = ", ".join(f"{name}: {count}" for name, count in small.items())
        raise ConfigError.at(
            " and ".join(f"data.{name}" for name in small),
            f"give too few of the {counted(examples, 'example')} ({counts}), where "
            f"{_LEAST} are needed",
            "add examples, or raise these settings",
        )
