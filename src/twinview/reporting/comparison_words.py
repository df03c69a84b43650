"""Words that the comparison's tables and its page share."""

from twinview.experiments.group import Group
from twinview.experiments.intervals import Interval

MORE_SEEDS = (
    "Where ? stands, the row or the best has a single seed. `twinview seeds 3` trains the "
    "workspace's settings with three; for another row: `dvc exp run --queue -S "
    "pretrain.seed=0,1,2 -S SETTING=VALUE`, then `dvc queue start`."
)


def format_interval(one: Interval | None) -> str:
    """A mean with its interval; a dash where nothing was measured."""
    return "–" if one is None else str(one)


def format_megabytes(count: int) -> str:
    """A number of bytes as MB with as many digits as tell something."""
    return f"{count / 1e6:.3g}" if count < 1e9 else f"{count / 1e6:.0f}"


def format_minutes(group: Group) -> str:
    """The mean of a group's trainings; a dash where they are not known."""
    return "–" if group.minutes is None else f"{group.minutes:.3g}"
