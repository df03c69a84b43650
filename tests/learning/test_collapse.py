"""The collapse monitors in closed form, and the verdict's table."""

import math

import pytest
import torch
import torch.nn.functional as F
from sklearn.neighbors import KNeighborsClassifier
from torch import Tensor

from twinview.learning.collapse import (
    NEIGHBOURS,
    Measures,
    alignment,
    cosine_spread,
    effective_rank,
    knn_accuracy,
    measure,
    uniformity,
    verdict,
)

HEALTHY = Measures(cosine_spread=0.2, effective_rank=30.0, alignment=0.3, uniformity=-2.0)
# Float64 with a square root of a rounding error of 1e-16 in it.
ROUNDED = 1e-7


def directions(n: int, d: int) -> Tensor:
    random = torch.Generator().manual_seed(0)
    return F.normalize(torch.randn(n, d, generator=random, dtype=torch.float64), dim=1)


def test_identical_embeddings_have_no_spread_one_direction_and_no_uniformity() -> None:
    found = measure(torch.full((2, 10, 4), 0.7))
    assert found.cosine_spread == pytest.approx(0, abs=ROUNDED)
    assert found.effective_rank == pytest.approx(1, abs=1e-5)
    assert found.alignment == pytest.approx(0, abs=ROUNDED)
    assert found.uniformity == pytest.approx(0, abs=ROUNDED)


def test_an_orthonormal_basis_uses_every_direction() -> None:
    assert effective_rank(torch.eye(6).double()) == pytest.approx(6)


def test_two_directions_used_nine_to_one_have_the_rank_of_their_entropy() -> None:
    # Singular values 3 and 1: shares 3/4 and 1/4.
    rows = torch.tensor([[1.0, 0]] * 9 + [[0, 1.0]], dtype=torch.float64)
    entropy = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    assert effective_rank(rows) == pytest.approx(math.exp(entropy))


def test_the_spread_is_the_deviation_of_the_cosines_of_all_pairs() -> None:
    # Cosines of the three pairs: 1, 0, 0; mean 1/3, variance 2/9.
    rows = torch.tensor([[1.0, 0], [1.0, 0], [0, 1.0]], dtype=torch.float64)
    assert cosine_spread(rows) == pytest.approx(math.sqrt(2 / 9))


def test_the_spread_of_random_directions_is_one_over_the_root_of_their_number() -> None:
    # 124,750 pairs: the deviation is known to about .2 %, some dependence included to 2 %.
    assert cosine_spread(directions(500, 64)) == pytest.approx(1 / 8, rel=0.02)


def test_alignment_is_the_mean_squared_distance_of_the_views() -> None:
    one, other = torch.eye(2).double(), -torch.eye(2).double()
    mixed = torch.stack([one, torch.stack([one[0], other[1]])])
    assert alignment(mixed) == pytest.approx((0 + 4) / 2)


def test_alignment_of_unrelated_directions_is_two() -> None:
    rows = directions(4000, 64)
    # Cosines have deviation 1/8; five standard errors of the mean of 2 - 2 cos over 2000 pairs.
    assert alignment(rows.view(2, 2000, 64)) == pytest.approx(2, abs=5 * 0.25 / 2000**0.5)


def test_uniformity_is_the_log_of_the_mean_potential_of_all_pairs() -> None:
    rows = torch.tensor([[1.0, 0], [0, 1.0], [-1.0, 0]], dtype=torch.float64)
    # Squared distances 2, 2 and 4.
    expected = math.log((2 * math.exp(-4) + math.exp(-8)) / 3)
    assert uniformity(rows) == pytest.approx(expected)


def test_uniformity_of_an_even_spread_is_near_minus_four() -> None:
    assert uniformity(directions(500, 64)) == pytest.approx(-3.9, abs=0.1)


def test_the_length_of_an_embedding_does_not_matter() -> None:
    z = directions(20, 5).view(2, 10, 5)
    scale = torch.logspace(-2, 2, 10, dtype=torch.float64)[:, None]
    scaled, plain = measure(z * scale), measure(z)
    assert vars(scaled) == pytest.approx(vars(plain))


def test_measures_need_no_gradient_and_leave_none() -> None:
    z = directions(20, 5).view(2, 10, 5).requires_grad_()
    measure(z)
    assert z.grad is None


def test_half_precision_is_measured_as_well() -> None:
    z = directions(20, 5).view(2, 10, 5)
    # bfloat16 has 8 significant bits.
    assert vars(measure(z.bfloat16())) == pytest.approx(vars(measure(z)), abs=0.05)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_embeddings_that_are_no_numbers_give_a_verdict_and_not_an_error(bad: float) -> None:
    z = directions(20, 5).view(2, 10, 5)
    z[0, 3, 2] = bad
    assert verdict(measure(z), 3.0, 5.0) == "collapsed"


@pytest.mark.parametrize(
    ("changes", "loss", "word"),
    [
        ({}, 3.0, "healthy"),
        ({}, 4.49, "healthy"),
        ({}, 4.51, "slow"),
        ({}, 7.0, "slow"),
        ({"cosine_spread": 0.0099}, 3.0, "collapsed"),
        ({"cosine_spread": 0.0101}, 3.0, "healthy"),
        ({"effective_rank": 1.99}, 3.0, "collapsed"),
        ({"effective_rank": 2.01}, 3.0, "healthy"),
        ({"cosine_spread": 0.0}, 5.0, "collapsed"),
        ({"cosine_spread": math.nan}, 3.0, "collapsed"),
        ({"effective_rank": math.nan}, 3.0, "collapsed"),
        ({}, math.nan, "collapsed"),
        ({}, math.inf, "collapsed"),
    ],
)
def test_the_verdict_at_chance_five(changes: dict[str, float], loss: float, word: str) -> None:
    assert verdict(Measures(**(vars(HEALTHY) | changes)), loss, chance=5.0) == word


@pytest.mark.parametrize(
    ("changes", "loss", "word"),
    [
        ({"effective_rank": 1.2}, 3.0, "healthy"),
        ({"effective_rank": 1.2}, 4.51, "slow"),
        ({"cosine_spread": 0.0099}, 3.0, "collapsed"),
        ({"effective_rank": math.nan}, 3.0, "collapsed"),
    ],
)
def test_with_labels_few_directions_are_no_collapse(
    changes: dict[str, float], loss: float, word: str
) -> None:
    found = verdict(Measures(**(vars(HEALTHY) | changes)), loss, chance=5.0, supervised=True)
    assert found == word


@pytest.mark.parametrize("directions", [1, 2, 3])
def test_no_more_directions_than_two_are_no_collapse_where_there_are_no_more(
    directions: int,
) -> None:
    few = Measures(**(vars(HEALTHY) | {"effective_rank": 1.5}))
    word = "collapsed" if directions > 2 else "healthy"
    assert verdict(few, 3.0, 5.0, directions=directions) == word


@pytest.mark.parametrize(("n", "d"), [(40, 20_000), (20, 2), (20, 3), (10, 128)])
def test_directions_that_are_spread_evenly_are_no_collapse(n: int, d: int) -> None:
    z = directions(2 * n, d).view(2, n, d)
    assert verdict(measure(z), 3.0, 5.0, directions=min(n, d)) == "healthy"
    assert verdict(measure(z + 100 * z[:, :1]), 3.0, 5.0, directions=min(n, d)) == "collapsed"


def test_neighbours_vote_as_scikit_learn_s_do() -> None:
    random = torch.Generator().manual_seed(0)
    labels = torch.randint(4, (300,), generator=random)
    rows = torch.randn(300, 6, generator=random) + 2 * F.one_hot(labels, 6)
    rows *= torch.rand(300, 1, generator=random) + 0.1  # lengths do not count
    reference = KNeighborsClassifier(NEIGHBOURS, metric="cosine", algorithm="brute")
    reference.fit(rows[:200].numpy(), labels[:200].numpy())
    expected = reference.score(rows[200:].numpy(), labels[200:].numpy())
    found = knn_accuracy(rows[:200], labels[:200], rows[200:], labels[200:])
    assert 0.5 < expected < 1 and found == pytest.approx(expected)


def test_with_fewer_rows_than_neighbours_all_vote() -> None:
    bank, known = torch.eye(3), torch.tensor([7, 7, 5])
    assert knn_accuracy(bank, known, torch.eye(3), torch.tensor([7, 7, 5])) == pytest.approx(2 / 3)
