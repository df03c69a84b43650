"""Intervals beside each other, as places from 0 to 100 along one axis; the page draws them."""

from collections.abc import Sequence
from dataclasses import dataclass

from twinview.experiments.comparison import Comparison
from twinview.experiments.group import Group
from twinview.reporting.charts import Tick, nice_ticks
from twinview.reporting.results import spoken


@dataclass(frozen=True)
class Row:
    """One group. low, high: the interval's ends, cut where the axis ends; None for one training."""

    label: str
    words: str
    best: bool
    mean: float
    low: float | None
    high: float | None
    values: tuple[float, ...]


@dataclass(frozen=True)
class IntervalChart:
    """One metric. references: baselines that stand beside all groups."""

    metric: str
    rows: tuple[Row, ...]
    ticks: tuple[Tick, ...]
    references: tuple[Tick, ...]


def interval_chart(found: Comparison, metric: str) -> IntervalChart:
    """The groups that have the metric, in the comparison's order.

    The axis holds every value and baseline, and of the intervals as much as is not wider than that
    all over again: two seeds can give an interval that would leave nothing else to be seen.
    """
    groups = [group for group in found.groups if group.values(metric)]
    beside = found.references(metric)
    axis = _axis(groups, metric, list(beside.values()))
    return IntervalChart(
        metric=metric,
        rows=tuple(_row(group, metric, axis, best=group is found.best(metric)) for group in groups),
        ticks=tuple(Tick(_place(tick, axis), f"{tick:g}") for tick in axis),
        references=tuple(
            Tick(_place(value, axis), f"{spoken(name)} {value:.3f}")
            for name, value in beside.items()
        ),
    )


def _row(group: Group, metric: str, axis: Sequence[float], best: bool) -> Row:
    one = group.interval(metric)
    assert one is not None
    ends = None if one.half is None else (one.mean - one.half, one.mean + one.half)
    return Row(
        label=group.label,
        words=f"{group.full_label if group.shortened else group.label}: {one}, n {one.n}",
        best=best,
        mean=_place(one.mean, axis),
        low=None if ends is None else _place(ends[0], axis),
        high=None if ends is None else _place(ends[1], axis),
        values=tuple(_place(value, axis) for value in group.values(metric).values()),
    )


def _axis(groups: Sequence[Group], metric: str, beside: Sequence[float]) -> list[float]:
    """The ticks of the axis."""
    marks = [*beside, *(value for group in groups for value in group.values(metric).values())]
    low, high = min(marks), max(marks)
    room = (high - low) or abs(low) / 10 or 0.1
    found = [group.interval(metric) for group in groups]
    ends = [one.mean + way * (one.half or 0) for one in found if one for way in (-1, 1)]
    first, last = max(min(marks + ends), low - room), min(max(marks + ends), high + room)
    return nice_ticks(first, last) if last > first else nice_ticks(first - room, first + room)


def _place(value: float, axis: Sequence[float]) -> float:
    share = (value - axis[0]) / (axis[-1] - axis[0])
    return round(100 * min(1.0, max(0.0, share)), 2)
