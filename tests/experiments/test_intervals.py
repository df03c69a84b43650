"""Intervals and differences, against SciPy's own tests and against what they promise."""

import itertools

import numpy as np
import pytest
from scipy import stats

from twinview.experiments.intervals import difference, holm, interval, prediction


def by_seed(values: list[float], first: int = 0) -> dict[int, float]:
    return dict(enumerate(values, first))


def test_three_values_have_the_interval_of_the_tables() -> None:
    found = interval([0.90, 0.92, 0.91])
    assert found.mean == pytest.approx(0.91) and found.deviation == pytest.approx(0.01)
    # t(0.975, 2) = 4.3027 in every table.
    assert found.half == pytest.approx(4.3027 * 0.01 / 3**0.5, rel=1e-4)
    assert str(found) == "0.910 ± 0.025"


def test_one_value_has_no_interval() -> None:
    found = interval([0.5])
    assert (found.half, found.deviation, found.n) == (None, None, 1) and str(found) == "0.500"


def test_ninety_five_of_a_hundred_intervals_hold_the_mean() -> None:
    samples = np.random.default_rng(0).normal(3, 2, (4000, 4))
    found = [interval(sample.tolist()) for sample in samples]
    held = np.mean([abs(one.mean - 3) <= (one.half or 0) for one in found])
    assert held == pytest.approx(0.95, abs=0.015)  # four deviations of the count


def test_ninety_five_of_a_hundred_next_values_lie_where_they_are_predicted() -> None:
    samples = np.random.default_rng(0).normal(3, 2, (4000, 4))
    ranges = [(prediction(sample[:3].tolist()), sample[3]) for sample in samples]
    held = np.mean([low <= following <= high for (low, high), following in ranges])
    assert held == pytest.approx(0.95, abs=0.015)  # four deviations of the count


def test_after_one_value_any_may_follow() -> None:
    assert prediction([0.5]) == (-np.inf, np.inf)


def test_seeds_of_both_are_compared_pair_by_pair() -> None:
    """The seeds differ far more than the two settings do: only pairs show it."""
    ours, theirs = [0.50, 0.61, 0.72, 0.80], [0.49, 0.59, 0.71, 0.78]
    found = difference(by_seed(ours) | {9: 0.1}, by_seed(theirs) | {7: 0.9})
    expected = stats.ttest_rel(ours, theirs)
    assert found.paired and found.n == 4
    assert (
        found.p == pytest.approx(expected.pvalue)
        and found.p < 0.05 < stats.ttest_ind(ours, theirs).pvalue
    )
    ends = expected.confidence_interval(0.95)
    assert found.mean - found.half == pytest.approx(ends.low)  # type: ignore[operator]


@pytest.mark.parametrize("more", [[], [0.74]])
def test_other_seeds_are_compared_after_welch(more: list[float]) -> None:
    ours, theirs = [0.50, 0.61, 0.72, *more], [0.49, 0.52, 0.51]
    found = difference(by_seed(ours), by_seed(theirs, 20))
    expected = stats.ttest_ind(ours, theirs, equal_var=False)
    assert not found.paired and found.p == pytest.approx(expected.pvalue)
    ends = expected.confidence_interval(0.95)
    assert found.mean + found.half == pytest.approx(ends.high)  # type: ignore[operator]


def test_of_one_seed_nothing_is_told() -> None:
    found = difference({0: 0.9}, {0: 0.1})
    assert found.mean == pytest.approx(0.8) and found.half is None and found.p is None


def test_values_without_spread_differ_surely_or_not_at_all() -> None:
    for first in (0, 5):  # paired, and not
        same = difference(by_seed([0.5, 0.5]), by_seed([0.5, 0.5], first))
        other = difference(by_seed([0.5, 0.5]), by_seed([0.25, 0.25], first))
        assert (same.p, other.p) == (1.0, 0.0) and other.half == 0


def test_holm_raises_the_smallest_most_and_keeps_the_order() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.5]) == [1.0, 1.0] and holm([]) == []
    for order in itertools.permutations([0.001, 0.02, 0.3]):
        raised = dict(zip(order, holm(order), strict=True))
        assert raised == pytest.approx({0.001: 0.003, 0.02: 0.04, 0.3: 0.3})
