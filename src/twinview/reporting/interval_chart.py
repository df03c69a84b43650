"""A chart of intervals, as positions from 0 to 100 along one axis; the page draws it."""

from collections.abc import Sequence
from dataclasses import dataclass

from twinview.core.entries import in_words
from twinview.experiments.comparison import Comparison
from twinview.experiments.group import Group
from twinview.reporting.charts import Tick, nice_ticks


@dataclass(frozen=True)
class Row:
    """One group. low, high: the interval's ends, clipped to the axis; None for one training."""

    label: str
    words: str
    best: bool
    mean: float
    low: float | None
    high: float | None
    values: tuple[float, ...]


@dataclass(frozen=True)
class IntervalChart:
    """The chart of one metric. references: the baselines, which all groups share."""

    metric: str
    rows: tuple[Row, ...]
    ticks: tuple[Tick, ...]
    references: tuple[Tick, ...]


def interval_chart(comparison: Comparison, metric: str) -> IntervalChart:
    """The chart of the groups that have the metric, in the comparison's order.

    The axis contains every value and baseline. An interval extends it by at most the range of
    these on either side, since the interval of two seeds can be so wide that it would hide the
    differences.
    """
    groups = [group for group in comparison.groups if group.values(metric)]
    baselines = comparison.references(metric)
    best = comparison.best(metric) if metric in comparison.judged else None
    axis = _axis(groups, metric, list(baselines.values()))
    return IntervalChart(
        metric=metric,
        rows=tuple(_row(group, metric, axis, best=group is best) for group in groups),
        ticks=tuple(Tick(_position(tick, axis), f"{tick:g}") for tick in axis),
        references=tuple(
            Tick(_position(value, axis), f"{in_words(name)} {value:.3f}")
            for name, value in baselines.items()
        ),
    )


def _row(group: Group, metric: str, axis: Sequence[float], best: bool) -> Row:
    interval = group.interval(metric)
    assert interval is not None
    mean, half = interval.mean, interval.half
    return Row(
        label=group.label,
        words=f"{group.full_label if group.shortened else group.label}: {interval}, n {interval.n}",
        best=best,
        mean=_position(mean, axis),
        low=None if half is None else _position(mean - half, axis),
        high=None if half is None else _position(mean + half, axis),
        values=tuple(_position(value, axis) for value in group.values(metric).values()),
    )


def _axis(groups: Sequence[Group], metric: str, baselines: Sequence[float]) -> list[float]:
    """The ticks of the axis."""
    values = [*baselines, *(value for group in groups for value in group.values(metric).values())]
    low, high = min(values), max(values)
    margin = (high - low) or abs(low) / 10 or 0.1
    intervals = filter(None, (group.interval(metric) for group in groups))
    ends = [each.mean + sign * (each.half or 0) for each in intervals for sign in (-1, 1)]
    first, last = max(min(values + ends), low - margin), min(max(values + ends), high + margin)
    return nice_ticks(first, last) if last > first else nice_ticks(first - margin, first + margin)


def _position(value: float, axis: Sequence[float]) -> float:
    share = (value - axis[0]) / (axis[-1] - axis[0])
    return round(100 * min(1.0, max(0.0, share)), 2)
