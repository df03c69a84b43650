"""What a few values say of their mean, and whether two means differ: Student's t.

mean ± t(0.975, n - 1) * s / sqrt(n), s the standard deviation of the sample (n - 1 below): where
the values are normal, 95 of 100 such intervals hold the true mean. One value has no interval.
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
    """Of two means. p: how likely so large a one is where there is none; None: it cannot be told.

    paired: taken seed by seed, over the n seeds that both have.
    """

    mean: float
    half: float | None
    p: float | None
    paired: bool
    n: int


def interval(values: Sequence[float]) -> Interval:
    """Of one value or more."""
    mean, n = statistics.fmean(values), len(values)
    if n == 1:
        return Interval(mean, None, None, 1)
    deviation = statistics.stdev(values)
    half = _quantile(n - 1) * deviation / n**0.5
    return Interval(mean, half, deviation, n)


def prediction(values: Sequence[float]) -> tuple[float, float]:
    """Where one more value lies, 95 times in 100: mean ± t * s * sqrt(1 + 1 / n).

    A single value says nothing of the next one: minus to plus infinity.
    """
    if len(values) == 1:
        return -math.inf, math.inf
    mean, spread, n = statistics.fmean(values), statistics.stdev(values), len(values)
    half = _quantile(n - 1) * spread * (1 + 1 / n) ** 0.5
    return mean - half, mean + half


def difference(ours: Mapping[int, float], theirs: Mapping[int, float]) -> Difference:
    """Ours less theirs, values by seed: paired over the seeds of both, where these are at least 2.

    Else Welch's, which does not take the two spreads for equal; nothing is told of one value.
    """
    shared = sorted(ours.keys() & theirs.keys())
    if len(shared) > 1:
        gaps = [ours[seed] - theirs[seed] for seed in shared]
        return _tested(statistics.fmean(gaps), True, gaps)
    gap = statistics.fmean(ours.values()) - statistics.fmean(theirs.values())
    if min(len(ours), len(theirs)) == 1:
        return Difference(gap, None, None, False, 1)
    return _tested(gap, False, list(ours.values()), list(theirs.values()))


def holm(chances: Sequence[float]) -> list[float]:
    """The p of several tests, raised so that one in twenty such families errs (Holm 1979).

    The smallest is taken as often as there are tests, the next once less, and so on.
    """
    raised, least = [0.0] * len(chances), 0.0
    for rank, place in enumerate(sorted(range(len(chances)), key=lambda at: chances[at])):
        least = max(least, min(1.0, (len(chances) - rank) * chances[place]))
        raised[place] = least
    return raised


def _tested(gap: float, paired: bool, *samples: Sequence[float]) -> Difference:
    """One sample against zero, or two by Welch. Without any spread they differ surely, or not."""
    n = min(map(len, samples))
    if not any(map(statistics.variance, samples)):
        return Difference(gap, 0.0, float(gap == 0), paired, n)
    from scipy import stats  # it takes a second to load

    with warnings.catch_warnings(action="ignore"):  # of values that are nearly equal
        test = (
            stats.ttest_1samp(*samples, 0) if paired else stats.ttest_ind(*samples, equal_var=False)
        )
    low, high = test.confidence_interval(LEVEL)
    return Difference(gap, float(high - low) / 2, float(test.pvalue), paired, n)


def _quantile(freedom: float) -> float:
    from scipy import special  # it takes longer to load than `twinview show` without it

    return float(special.stdtrit(freedom, (1 + LEVEL) / 2))
