"""What a few values say of their mean, and whether two means differ: Student's t.

mean ± t(0.975, n - 1) * s / sqrt(n), s the standard deviation of the sample (n - 1 below): where
the values are normal, 95 of 100 such intervals hold the true mean. One value has no interval.
"""

import math
import statistics
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
        return _paired([ours[seed] - theirs[seed] for seed in shared])
    gap = statistics.fmean(ours.values()) - statistics.fmean(theirs.values())
    n = min(len(ours), len(theirs))
    if n == 1:
        return Difference(gap, None, None, False, 1)
    return _welch(gap, list(ours.values()), list(theirs.values()))


def holm(chances: Sequence[float]) -> list[float]:
    """The p of several tests, raised so that one in twenty such families errs (Holm 1979).

    The smallest is taken as often as there are tests, the next once less, and so on.
    """
    raised, least = [0.0] * len(chances), 0.0
    for rank, place in enumerate(sorted(range(len(chances)), key=lambda at: chances[at])):
        least = max(least, min(1.0, (len(chances) - rank) * chances[place]))
        raised[place] = least
    return raised


def _paired(gaps: Sequence[float]) -> Difference:
    found = interval(gaps)
    assert found.deviation is not None
    error = found.deviation / found.n**0.5
    return Difference(found.mean, found.half, _p(found.mean, error, found.n - 1), True, found.n)


def _welch(gap: float, ours: Sequence[float], theirs: Sequence[float]) -> Difference:
    parts = [statistics.variance(values) / len(values) for values in (ours, theirs)]
    error, n = sum(parts) ** 0.5, min(len(ours), len(theirs))
    if error == 0:
        return Difference(gap, 0.0, _p(gap, 0.0, n - 1), False, n)
    sizes = (len(ours), len(theirs))
    freedom = error**4 / sum(p**2 / (n - 1) for p, n in zip(parts, sizes, strict=True))
    return Difference(gap, _quantile(freedom) * error, _p(gap, error, freedom), False, n)


def _quantile(freedom: float) -> float:
    from scipy import special  # it takes longer to load than `twinview show` without it

    return float(special.stdtrit(freedom, (1 + LEVEL) / 2))


def _p(gap: float, error: float, freedom: float) -> float:
    """Of both sides. Values without any spread differ surely, or not at all."""
    if error == 0:
        return float(gap == 0)
    from scipy import special

    return float(2 * special.stdtr(freedom, -abs(gap) / error))
