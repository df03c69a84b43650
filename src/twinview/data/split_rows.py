"""Which split each row of a source falls into, where a source may have a test part of its own."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeVar

from twinview.core.counts import counted
from twinview.core.errors import ConfigError, DataError
from twinview.data.division import Division, divide
from twinview.data.division_notes import describe_division
from twinview.data.splits import NAMES

T = TypeVar("T")

_SIZES = "data.train, data.validation and data.test"


class _Pool(NamedTuple):
    """Rows from which splits are drawn, and the name of the random numbers that draw them."""

    names: tuple[str, ...]
    rows: list[int]
    stream: str


def split_rows(
    ids: Sequence[int],
    wanted: Mapping[str, float],
    seed: int,
    *,
    labels: Sequence[str | int | None] | None,
    groups: Sequence[str | None] | None,
    given: Sequence[str | None] | None,
    stratified: bool = True,
) -> Division:
    """The split of each row.

    If each row is given train or test, then train and validation are drawn from the rows of train,
    and test from those of test. Shares of train and validation are then shares of the rows of
    train, and a share of test means all rows of test. Otherwise given rows stay where they are, and
    the others fill up the splits.

    Parameters
    ----------
    ids : different for all rows.
    wanted : for each split the number of rows (integers) or their share (floats). A split of which
        0 rows are wanted is empty.
    seed : chooses the rows.
    labels : of the rows, or None. The notes on classes need them in any case.
    groups : of the rows; a group lies in one split.
    given : the split of each row, or None.
    stratified : whether the splits have all classes in proportion; else labels do not change them.

    Raises
    ------
    ConfigError : there are fewer rows than wanted.
    DataError : ids, groups or given splits contradict each other.
    """
    pools = _pools(given, len(ids))
    if given is not None and len(pools) > 1:
        _require_whole_groups(groups, given)
        given = None
    splits: list[str | None] = [None] * len(ids)
    wished: dict[str, float] = {}
    for names, rows, stream in pools:
        sizes = _sizes(wanted, names, len(rows), alone=len(pools) == 1)
        if not sizes:
            continue
        division = divide(
            [ids[row] for row in rows],
            sizes,
            seed,
            labels=_take(labels, rows) if stratified else None,
            groups=_take(groups, rows),
            given=_take(given, rows),
            stream=stream,
        )
        wished |= division.wished
        for row, split in zip(rows, division.splits, strict=True):
            splits[row] = split
    counts = Counter(splits)
    found = {name: counts[name] for name in wished}
    notes = describe_division(splits, wished, found, labels, groups)
    return Division(tuple(splits), wished, found, notes)


def _pools(given: Sequence[str | None] | None, count: int) -> list[_Pool]:
    """Train and test apart if each row is given one of them; else all rows together."""
    if given is None or set(given) != {"train", "test"}:
        return [_Pool(NAMES, list(range(count)), "split")]
    return [
        _Pool(("train", "validation"), _rows_given(given, "train"), "split"),
        _Pool(("test",), _rows_given(given, "test"), "test"),
    ]


def _rows_given(given: Sequence[str | None], split: str) -> list[int]:
    return [row for row, name in enumerate(given) if name == split]


def _sizes(
    wanted: Mapping[str, float], names: Sequence[str], rows: int, *, alone: bool
) -> dict[str, float]:
    """The wanted sizes of the splits that are drawn from one pool of rows."""
    sizes = {name: wanted[name] for name in names if wanted[name]}
    total = sum(sizes.values())
    if all(isinstance(size, float) for size in sizes.values()):
        return sizes if alone else {name: size / total for name, size in sizes.items()}
    if total > rows:
        raise ConfigError.at(
            _SIZES,
            f"ask for {counted(int(total), 'row')} ({' and '.join(names)}) where the source has "
            f"{rows:,}",
            "lower them, or state shares such as .8",
        )
    return sizes


def _take(column: Sequence[T] | None, rows: Sequence[int]) -> list[T] | None:
    return None if column is None else [column[row] for row in rows]


def _require_whole_groups(groups: Sequence[str | None] | None, given: Sequence[str | None]) -> None:
    of_group: dict[str, str | None] = {}
    if groups is None:
        return
    for group, split in zip(groups, given, strict=True):
        if group is not None and of_group.setdefault(group, split) != split:
            raise DataError.at(
                f"the group {group!r}",
                "has examples in train and in test",
                "give all examples of a group one split, or none",
            )
