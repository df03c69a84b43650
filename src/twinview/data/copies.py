"""What becomes of examples that occur twice: they are reported, left out, or kept in one split."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from twinview.core.components import connected
from twinview.core.counts import counted
from twinview.core.errors import ConfigError
from twinview.data.division_notes import COPIES
from twinview.data.labels import SPLIT_NAMES

T = TypeVar("T")
Ints = NDArray[np.int64]
Duplicates = Literal["report", "keep_first"]
NearPairs = Literal["report", "one_split", "keep_first"]

EXACT = "exact copy of another example"
NEAR = "near copy of another example"


@dataclass(frozen=True)
class Copies:
    """Which examples are copies of each other.

    exact: (n,) for each example the first row of its cluster of exact copies, often its own. near:
    (n,) the same for clusters of exact and near copies.
    """

    exact: Ints
    near: Ints


@dataclass(frozen=True)
class CopyPlan:
    """How examples are divided into splits in view of their copies.

    kept: the rows that are divided. groups, given: what divide and split_rows take, for the kept
    rows. reasons: of all rows, why an example is left out, or None. copy_of, near_of: of all rows,
    the id of the example that stands for its exact copies, and for its near ones; None for that
    example itself, and an exact copy has no near_of. notes: sentences on what was changed.
    """

    kept: list[int]
    groups: list[str | None] | None
    given: list[str | None] | None
    reasons: list[str | None]
    copy_of: list[int | None]
    near_of: list[int | None]
    notes: tuple[str, ...]

    def take(self, column: Sequence[T] | None) -> list[T] | None:
        """The values of a column in the kept rows."""
        return None if column is None else [column[row] for row in self.kept]

    def spread(self, splits: Sequence[str | None]) -> list[str | None]:
        """The split of every row, from the splits of the kept ones; None for the others."""
        every: list[str | None] = [None] * len(self.reasons)
        for row, split in zip(self.kept, splits, strict=True):
            every[row] = split
        return every


def plan_copies(
    copies: Copies,
    ids: Sequence[int],
    *,
    labels: Sequence[str | int | None] | None,
    groups: Sequence[str | None] | None,
    given: Sequence[str | None] | None,
    duplicates: Duplicates,
    near_pairs: NearPairs,
) -> CopyPlan:
    """What is divided into splits, and how.

    Of a cluster, the first example stands for the others; if there are labels, the first one that
    has a label. keep_first leaves the others out. one_split puts all examples of a cluster, and
    whole groups that share a cluster, into one split. Where a source gives them several splits, it
    is the first of train, validation and test, so that nothing of train is in test.

    Parameters
    ----------
    copies : of all examples.
    ids : different for all examples.
    labels, groups, given : of each example a value or None; None: no example has one.
    duplicates, near_pairs : the settings data.duplicates and data.near_pairs.

    Raises
    ------
    ConfigError : near copies would be left out, and exact ones would not.
    """
    if near_pairs == "keep_first" and duplicates != "keep_first":
        raise ConfigError.at(
            "data.near_pairs",
            f"is keep_first, which leaves out near copies, and data.duplicates is {duplicates}",
            "set data.duplicates to keep_first too",
        )
    exact, near = (_leaders(clusters, labels) for clusters in (copies.exact, copies.near))
    rows = np.arange(len(ids))
    is_exact, is_near = exact != rows, (near != rows) & (exact == rows)
    reasons: list[str | None] = [None] * len(ids)
    for wish, chosen, reason in ((duplicates, is_exact, EXACT), (near_pairs, is_near, NEAR)):
        for row in np.flatnonzero(chosen) if wish == "keep_first" else ():
            reasons[row] = reason
    kept = [row for row, reason in enumerate(reasons) if reason is None]
    plan = CopyPlan(
        kept,
        None if groups is None else [groups[row] for row in kept],
        None if given is None else [given[row] for row in kept],
        reasons,
        [ids[of] if chosen else None for of, chosen in zip(exact, is_exact, strict=True)],
        [ids[of] if chosen else None for of, chosen in zip(near, is_near, strict=True)],
        (),
    )
    return _in_one_split(plan, copies.near, ids) if near_pairs == "one_split" else plan


def _leaders(clusters: Ints, labels: Sequence[Any] | None) -> Ints:
    """For each row the row that stands for its cluster."""
    unlabelled = np.array([label is None for label in labels or [None] * len(clusters)], np.bool_)
    order = np.lexsort((unlabelled, clusters))  # stable: rows of a cluster stay in their order
    _, starts = np.unique(clusters[order], return_index=True)
    leader = np.empty(len(clusters), np.int64)
    leader[clusters[order][starts]] = order[starts]
    return leader[clusters]


def _in_one_split(plan: CopyPlan, near: Ints, ids: Sequence[int]) -> CopyPlan:
    """The plan with groups that hold whole clusters, and with one given split for each of them."""
    clusters = near[plan.kept]
    units = _join(clusters, plan.groups)
    members: dict[int, list[int]] = {}
    for row, unit in enumerate(units.tolist()):
        members.setdefault(unit, []).append(row)
    groups = list(plan.groups or [None] * len(clusters))
    given, moved = list(plan.given or [None] * len(clusters)), 0
    for rows in members.values():
        if len(set(clusters[rows].tolist())) == len(rows):
            continue  # no two copies: a group of the user's, or a single example
        names = [groups[row] for row in rows if groups[row] is not None]
        name = min(names, key=str) if names else f"{COPIES} {min(ids[plan.kept[r]] for r in rows)}"
        wished = {given[row] for row in rows}
        split = next((split for split in SPLIT_NAMES if split in wished), None)
        for row in rows:
            groups[row] = name
            moved += given[row] is not None and given[row] != split
            given[row] = split
    beside = "is {0}, beside its copies" if moved == 1 else "are {0}, beside their copies"
    note = f"{counted(moved, 'example')} {beside.format('in another split than the source says')}"
    return CopyPlan(
        plan.kept,
        groups if any(group is not None for group in groups) else None,
        given if any(split is not None for split in given) else None,
        plan.reasons,
        plan.copy_of,
        plan.near_of,
        (note,) if moved else (),
    )


def _join(clusters: Ints, groups: Sequence[Any] | None) -> Ints:
    """The number of the unit of each row; rows that share a cluster or a group share a unit."""
    n = len(clusters)
    _, cluster = np.unique(clusters, return_inverse=True)
    number: dict[Any, int] = {}
    group = [
        row if name is None else n + number.setdefault(name, len(number))
        for row, name in enumerate(groups or [None] * n)
    ]
    # The nodes are the rows, then the groups, then the clusters.
    ends = np.concatenate([np.array(group, np.int64), n + len(number) + cluster])
    return connected(n + len(number) + n, np.tile(np.arange(n), 2), ends)[:n]
