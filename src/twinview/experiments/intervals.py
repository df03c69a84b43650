"""Confidence intervals of a mean, and tests whether two means differ, by Student's t.

The interval is mean ± t(0.975, n - 1) * s / sqrt(n), where s is the standard deviation of the
sample, with n - 1 in the denominator. If the values are normal, 95 of 100 such intervals hold the
true mean. A single value has no interval.
"""

import math
import statistics
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

LEVEL = 0.95
WORDS = "95 % confidence interval of the mean (Student's t)"


@dataclass(frozen=True)
class Interval:
    """A mean with its interval, mean ± half; half and deviation are None for a single value."""

    mean: float
    half: float | None
    deviation: float | None
    n: int

    def __str__(self) -> str:
        """0.914 ± 0.002, or 0.914 for a single value."""
        return f"{self.mean:.3f}" + ("" if self.half is None else f" ± {self.half:.3f}")


@dataclass(frozen=True)
class Difference:
    """The difference of two means, mean ± half, with the p-value of its test.

    half and p are None if a sample has a single value. paired: the test is of differences seed by
    seed, over the n seeds that both samples have.
    """

    mean: float
    half: float | None
    p: float | None
    paired: bool
    n: int


def interval(values: Sequence[float]) -> Interval:
    """The mean of one or more values, with its interval."""
    mean, n = statistics.fmean(values), len(values)
    if n == 1:
        return Interval(mean, None, None, 1)
    deviation = statistics.stdev(values)
    half = _quantile(n - 1) * deviation / n**0.5
    return Interval(mean, half, deviation, n)


def prediction(values: Sequence[float]) -> tuple[float, float]:
    """The 95 % prediction interval for one more value: mean ± t * s * sqrt(1 + 1 / n).

    A single value does not limit the next one: the interval is minus to plus infinity.
    """
    if len(values) == 1:
        return -math.inf, math.inf
    mean, spread, n = statistics.fmean(values), statistics.stdev(values), len(values)
    half = _quantile(n - 1) * spread * (1 + 1 / n) ** 0.5
    return mean - half, mean + half


def difference(ours: Mapping[int, float], theirs: Mapping[int, float]) -> Difference:
    """The mean of ours minus the mean of theirs, both by seed, with a t-test.

    The test is paired over the shared seeds if there are at least two. Otherwise it is Welch's,
    which does not assume equal variances. A sample of a single value cannot be tested.
    """
    shared = sorted(ours.keys() & theirs.keys())
    if len(shared) > 1:
        gaps = [ours[seed] - theirs[seed] for seed in shared]
        return _test(statistics.fmean(gaps), True, gaps)
    gap = statistics.fmean(ours.values()) - statistics.fmean(theirs.values())
    if min(len(ours), len(theirs)) == 1:
        return Difference(gap, None, None, False, 1)
    return _test(gap, False, list(ours.values()), list(theirs.values()))


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values corrected for the number of tests (Holm 1979), in the same order.

    Rejecting below 5 %, all tests together make a false rejection in at most 5 % of cases. The
    smallest p-value is multiplied by the number of tests, the next by one less, and so on.
    """
    corrected, least = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        least = max(least, min(1.0, (len(p_values) - rank) * p_values[index]))
        corrected[index] = least
    return corrected


def _test(gap: float, paired: bool, *samples: Sequence[float]) -> Difference:
    """A t-test of one sample against zero, or Welch's of two. p is 0 or 1 without any spread."""
    n = min(map(len, samples))
    if not any(map(statistics.variance, samples)):
        return Difference(gap, 0.0, float(gap == 0), paired, n)
    from scipy import stats  # it takes a second to load

    with warnings.catch_warnings(action="ignore"):  # about values that are nearly equal
        test = (
            stats.ttest_1samp(*samples, 0) if paired else stats.ttest_ind(*samples, equal_var=False)
        )
    low, high = test.confidence_interval(LEVEL)
    return Difference(gap, float(high - low) / 2, float(test.pvalue), paired, n)


def _quantile(freedom: float) -> float:
    from scipy import special  # it takes longer to load than `twinview show` without it

    return float(special.stdtrit(freedom, (1 + LEVEL) / 2))
