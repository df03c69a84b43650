"""What the dotted names of metrics mean: the only place that takes them apart.

`linear.accuracy` is the encoder's in a task; `raw_pixels.linear.accuracy` a baseline's.
"""

from twinview.settings.sections import VALIDATION

RAW, SUPERVISED = "raw_pixels", "supervised"  # baselines: their names begin their metrics' names


def is_our_accuracy(name: str) -> bool:
    """Whether a metric is the encoder's accuracy in a task: baselines' names have three parts."""
    return name.count(".") == 1 and name.endswith(".accuracy")


def validation_of(metric: str) -> str:
    """The accuracy on validation of the metric's task and contender."""
    return f"{metric.rpartition('.')[0]}.{VALIDATION}"


def of_baseline(baseline: str, metric: str) -> str:
    """The name that a metric of the encoder has for a baseline."""
    return f"{baseline}.{metric}"


def without_accuracy(metric: str) -> str:
    """A metric's name as a column's heading: an accuracy is what a table shows where it says
    nothing."""
    return metric.removesuffix(".accuracy")
