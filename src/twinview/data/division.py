"""Which split each example falls into: by counts or shares, stratified by label, in whole groups.

Counts without groups and given splits give the splits that splits.py draws.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from twinview.core import randomness
from twinview.core.errors import ConfigError, DataError
from twinview.data.division_notes import describe_division
from twinview.data.division_units import Units, group_units
from twinview.data.group_balance import balance, fill_empty

Ints = NDArray[np.int64]
_PLACE = "data.train, data.validation and data.test"


@dataclass(frozen=True)
class Division:
    """The split of each example, in the order of the examples; None: it is in no split.

    wished, rows: how many examples each split should have, and how many it has. notes: sentences
    on wishes that are missed, and on classes and groups that cannot be divided well.
    """

    splits: tuple[str | None, ...]
    wished: Mapping[str, float]
    rows: Mapping[str, int]
    notes: tuple[str, ...]


def divide(
    ids: Sequence[int] | Sequence[str],
    wanted: Mapping[str, int] | Mapping[str, float],
    seed: int,
    *,
    labels: Sequence[str | int | None] | None,
    groups: Sequence[str | None] | None,
    given: Sequence[str | None] | None,
    stream: str = "split",
) -> Division:
    """The split of each example.

    All examples of a group fall into one split. The splits are stratified by label as far as
    groups allow, and none is empty. The result does not depend on the order of the examples. With
    shares or groups, an example that is added changes the split of few others.

    Parameters
    ----------
    ids : different for all examples.
    wanted : for each split its number of examples, as integers, or its share of all examples, as
        floats. What is beyond the sum of them is in no split.
    seed, stream : choose the examples; different streams are independent of each other.
    labels : the class of each example; examples without one count as one more class.
    groups : the group of each example; an example without one is divided alone.
    given : the split in which an example, and so its whole group, has to be, or None. The other
        examples fill up what the given ones leave of the wishes.

    Raises
    ------
    ConfigError : the counts or shares are impossible.
    DataError : an id occurs twice, a group has two given splits, a given split is not wanted, or
        there are too few examples or groups for the splits.
    """
    order = _order_by_id(ids)
    classes, members, fixed = (_take(column, order) for column in (labels, groups, given))
    wished = _wished_rows(wanted, len(ids))
    sorted_ids = [ids[row] for row in order]
    units = group_units(sorted_ids, classes, members, fixed, list(wanted))
    wishes = np.array([*wished.values(), max(len(ids) - sum(wished.values()), 0)])
    if members is None and fixed is None and _are_counts(wanted):
        drawn = _random_order(units, seed, stream)
        assigned = np.empty_like(drawn)
        assigned[drawn] = _cut(units.sizes, _targets(wishes))
    else:
        assigned = _divide_units(units, wishes, seed, stream)
    names = [*wanted, None]
    splits: list[str | None] = [None] * len(ids)
    for row, number in zip(order, assigned.tolist(), strict=True):
        splits[row] = names[number]
    counts = Counter(splits)
    rows = {name: counts[name] for name in wanted}
    notes = describe_division(splits, wished, rows, labels, groups)
    return Division(tuple(splits), wished, rows, notes)


def stratified_order(
    order: Tensor, labels: Tensor | None, jitter: Callable[[int], float]
) -> Tensor:
    """The rows in an order in which every stretch has all classes in proportion.

    Parameters
    ----------
    order : (n,) int64, the rows in random order.
    labels : (n,) int64, the class of each row, or None.
    jitter : a random number in [0, 1) for each class, asked for in ascending order; the classes'
        first rows would all come first otherwise.
    """
    if labels is None:
        return order
    labels = labels[order]
    position = torch.empty(len(order), dtype=torch.float64)
    for label in labels.unique():
        rows = (labels == label).nonzero().squeeze(1)
        steps = torch.arange(len(rows), dtype=torch.float64)
        position[rows] = (steps + jitter(int(label))) / len(rows)
    return order[position.argsort(stable=True)]


def _random_order(units: Units, seed: int, stream: str) -> Ints:
    """The examples in the order in which splits.py draws them."""
    generator = randomness.generator(seed, stream)
    # The order is drawn before the numbers of the classes.
    order = torch.randperm(len(units.names), generator=generator)
    classes = torch.from_numpy(units.majority_class)
    return stratified_order(
        order, classes, lambda _: torch.rand(1, generator=generator, dtype=torch.float64).item()
    ).numpy()


def _divide_units(units: Units, wishes: NDArray[np.float64], seed: int, stream: str) -> Ints:
    """The number of the split of each example; the last number is of those in none."""
    keys = np.array([_key(seed, stream, name) for name in units.names], dtype=np.uint64)
    free = np.flatnonzero(units.fixed < 0)
    jitters = [_key(seed, stream, f"class/{name}") / 2**64 for name in units.class_names]
    order = stratified_order(
        torch.from_numpy(free[keys[free].argsort(kind="stable")]),
        torch.from_numpy(units.majority_class),
        jitters.__getitem__,
    ).numpy()
    taken = np.bincount(units.fixed[units.fixed >= 0], units.sizes[units.fixed >= 0], len(wishes))
    left = np.maximum(_targets(wishes) - taken, 0)
    total = int(units.sizes[free].sum())
    quotas = _round(left * (total / max(left.sum(), 1)), total)
    assigned = units.fixed.copy()
    assigned[order] = _cut(units.sizes[order], quotas)
    assigned = fill_empty(assigned, order, len(wishes) - 1)
    if units.are_groups:
        assigned = balance(assigned, units.class_counts, units.fixed < 0, wishes)
    return assigned[units.unit_of]


def _cut(sizes: Ints, quotas: Ints) -> Ints:
    """For a sequence of units of these sizes, the split in whose quota the middle of each lies."""
    middles = sizes.cumsum() - sizes / 2
    return np.searchsorted(quotas.cumsum(), middles, side="right")


def _order_by_id(ids: Sequence[Any]) -> list[int]:
    order = sorted(range(len(ids)), key=ids.__getitem__)
    for before, row in pairwise(order):
        if ids[before] == ids[row]:
            raise DataError(f"the id {ids[row]!r} occurs twice; make ids unique")
    return order


def _take(column: Sequence[Any] | None, order: Iterable[int]) -> list[Any] | None:
    """The column in that order; None when it has no value."""
    if column is None or all(value is None for value in column):
        return None
    return [column[row] for row in order]


def _are_counts(wanted: Mapping[str, float]) -> bool:
    return all(isinstance(value, int) for value in wanted.values())


def _wished_rows(wanted: Mapping[str, float], count: int) -> dict[str, float]:
    """How many examples each split should have. Raises ConfigError for impossible wishes."""
    values = list(wanted.values())
    described = ", ".join(f"{name}: {value}" for name, value in wanted.items())
    shares = all(isinstance(value, float) for value in values)
    if not (shares or _are_counts(wanted)) or any(value <= 0 for value in values):
        raise ConfigError.at(
            _PLACE, f"are {described}", "state counts (integers) or shares (such as .8) above 0"
        )
    if shares and sum(values) > 1 + 1e-9:
        raise ConfigError.at(_PLACE, f"are {described}, more than 1 in all", "lower them")
    if not shares and sum(values) > count:
        raise ConfigError.at(
            _PLACE, f"ask for {sum(values):,} examples where there are {count:,}", "lower them"
        )
    return {name: value * count if shares else value for name, value in wanted.items()}


def _targets(wishes: NDArray[np.float64]) -> Ints:
    """The wishes as whole numbers; each split has at least one example."""
    targets = _round(wishes, round(wishes.sum()))
    for empty in np.flatnonzero(targets[:-1] == 0):
        targets[targets.argmax()] -= 1
        targets[empty] = 1
    return targets


def _round(wishes: NDArray[np.float64], total: int) -> Ints:
    """Whole numbers of the given sum: rounded down, and up where the fractions are largest."""
    # Without the small number a product such as .29 * 100 would be rounded down by one too much.
    whole = np.floor(wishes + 1e-6).astype(np.int64)
    fractions = np.round(wishes - whole, 6)
    whole[(-fractions).argsort(kind="stable")[: total - whole.sum()]] += 1
    return whole


def _key(seed: int, stream: str, name: str) -> int:
    """A random number of 64 bits that depends on nothing else."""
    text = f"{seed}/{stream}/{name}".encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest())
