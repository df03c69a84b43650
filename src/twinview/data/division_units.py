"""What is divided into splits as a whole: groups, and examples without a group."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from twinview.core.counts import counted
from twinview.core.errors import DataError

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Units:
    """Groups, and examples without a group, in the order of their first example.

    unit_of: (n,) the unit of each example. names: (u,) a text for each unit. sizes: (u,) their
    examples. class_counts: (u, k) sparse, their examples of each class. class_names: (k,) texts.
    fixed: (u,) the number of their given split, or -1. are_groups: whether there are groups.
    """

    unit_of: Ints
    names: list[str]
    sizes: Ints
    class_counts: Any
    class_names: list[str]
    fixed: Ints
    are_groups: bool

    @property
    def majority_class(self) -> Ints:
        """The most frequent class of each unit: (u,)."""
        majority: Ints = self.class_counts.argmax(axis=1).ravel().astype(np.int64)
        return majority


def group_units(
    ids: Sequence[Any],
    labels: Sequence[Any] | None,
    groups: Sequence[Any] | None,
    given: Sequence[Any] | None,
    splits: Sequence[str],
) -> Units:
    """The units of the examples.

    Raises DataError when a group has two given splits, when a given split is none of `splits`, or
    when there are too few units to give each split one.
    """
    texts = [
        f"example/{name}" if group is None else f"group/{group}"
        for name, group in zip(ids, groups or [None] * len(ids), strict=True)
    ]
    names = list(dict.fromkeys(texts))
    numbers = {name: number for number, name in enumerate(names)}
    unit_of = np.array([numbers[text] for text in texts], dtype=np.int64)
    classes, class_names = _encode(labels or [None] * len(ids))
    counts = scipy.sparse.coo_array(
        (np.ones(len(ids)), (unit_of, classes)), shape=(len(names), len(class_names))
    ).tocsr()
    fixed = _fixed(unit_of, names, given or [None] * len(ids), splits)
    _require_enough(names, fixed, len(splits), groups is not None)
    sizes = np.bincount(unit_of, minlength=len(names))
    return Units(unit_of, names, sizes, counts, class_names, fixed, groups is not None)


def _encode(labels: Sequence[Any]) -> tuple[Ints, list[str]]:
    """The number of each label in ascending order, and the labels as texts; None comes first."""
    values: list[Any] = sorted({label for label in labels if label is not None})
    values = [None, *values] if None in labels else values
    codes = {value: code for code, value in enumerate(values)}
    return np.array([codes[label] for label in labels], dtype=np.int64), list(map(str, values))


def _fixed(unit_of: Ints, names: list[str], given: Sequence[Any], splits: Sequence[str]) -> Ints:
    """The number of the given split of each unit, or -1."""
    fixed = np.full(len(names), -1, dtype=np.int64)
    for unit, split in zip(unit_of.tolist(), given, strict=True):
        if split is None:
            continue
        if split not in splits:
            raise DataError.at(
                names[unit], f"has the given split {split!r}", f"use one of {', '.join(splits)}"
            )
        if fixed[unit] not in (-1, splits.index(split)):
            raise DataError.at(
                f"the group {names[unit].removeprefix('group/')!r}",
                f"has examples in {splits[fixed[unit]]} and in {split}",
                "give all examples of a group one split, or none",
            )
        fixed[unit] = splits.index(split)
    return fixed


def _require_enough(names: list[str], fixed: Ints, splits: int, are_groups: bool) -> None:
    empty = splits - len(np.unique(fixed[fixed >= 0]))
    free = int((fixed < 0).sum())
    if free >= empty:
        return
    kind = "group" if are_groups else "example"
    if len(names) == free:
        problem = f"have {counted(free, kind)} for {splits} splits"
        remedy = f"add {kind}s" + (", or name another column of groups, or none" * are_groups)
        raise DataError.at("the examples", problem, remedy)
    raise DataError.at(
        "the given splits",
        f"leave {empty} of {splits} splits empty, and {counted(free, kind)} to divide",
        "leave the split of more examples empty; these are divided by the wishes",
    )
