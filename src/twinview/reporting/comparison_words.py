"""Texts that both the comparison's tables and its page show."""

from collections.abc import Sequence

from twinview.experiments.comparison import Comparison
from twinview.experiments.group import Group
from twinview.experiments.intervals import Interval

MORE_SEEDS = (
    "A row with ? has a single seed, or the best has. `twinview seeds 3` trains the "
    "workspace's settings with three seeds; for another row: `dvc exp run --queue -S "
    "pretrain.seed=0,1,2 -S SETTING=VALUE`, then `dvc queue start`."
)


def unjudged_note(comparisons: Sequence[Comparison]) -> list[str]:
    """A sentence on the metrics that have no marks; none if every metric has."""
    unjudged = {
        comparison.named[name].words: None
        for comparison in comparisons
        for name in comparison.metrics
        if name not in comparison.judged
    }
    return [f"Without marks: {', '.join(unjudged)}. A larger value is not better."] * bool(unjudged)


def format_interval(interval: Interval | None) -> str:
    """A mean with its interval; a dash if nothing was measured."""
    return "–" if interval is None else str(interval)


def format_megabytes(count: int) -> str:
    """A number of bytes in MB: three digits, or all digits before the point."""
    return f"{count / 1e6:.3g}" if count < 1e9 else f"{count / 1e6:.0f}"


def format_minutes(group: Group) -> str:
    """The mean minutes of a group's trainings; a dash if they are not known."""
    return "–" if group.minutes is None else f"{group.minutes:.3g}"
