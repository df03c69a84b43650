"""Barlow Twins against a loop written from the paper (arXiv 2103.03230, eq. 1 and 2)."""

import pytest
import torch
from torch import Tensor

from tests.objectives.shared import (
    EXACT,
    HALVES,
    assert_halves_lose_nothing,
    assert_same,
    assert_vast_numbers_stay_finite,
    differentiated,
    embeddings,
)
from twinview.objectives.barlow_twins import barlow_twins


def loop(z: Tensor, off_diagonal: float) -> Tensor:
    """Entry by entry; the biased variance and 1e-5, as the batch norm of the paper's code."""
    n, d = z.shape[1:]
    total = z.new_zeros(())
    standard = []
    for view in z:
        mean = view.sum(0) / n
        variance = (view - mean).square().sum(0) / n
        standard.append((view - mean) / torch.sqrt(variance + 1e-5))
    for i in range(d):
        for j in range(d):
            c = (standard[0][:, i] * standard[1][:, j]).sum() / n
            total = total + ((1 - c) ** 2 if i == j else off_diagonal * c**2)
    return total


def independent() -> Tensor:
    """Four features without mean or correlation, of variance 1: columns of a Hadamard matrix."""
    two = torch.tensor([[1.0, 1.0], [1.0, -1.0]], dtype=torch.float64)
    return torch.kron(torch.kron(two, two), two)[:, 1:5]


@pytest.mark.parametrize("off_diagonal", [0.0051, 0.7])
@pytest.mark.parametrize(("n", "d"), [(2, 3), (7, 5), (5, 1)])
def test_value_and_gradient_are_the_paper_s(n: int, d: int, off_diagonal: float) -> None:
    assert_same(
        lambda z: barlow_twins(z, None, off_diagonal=off_diagonal),
        lambda z: loop(z, off_diagonal),
        embeddings(n, d),
    )


def test_the_gradient_is_that_of_finite_differences() -> None:
    z = embeddings(4, 3).requires_grad_()
    assert torch.autograd.gradcheck(lambda z: barlow_twins(z, None, off_diagonal=0.1), z)


def test_views_that_agree_on_independent_features_cost_nothing() -> None:
    z = independent()[None].repeat(2, 1, 1)
    # The diagonal is 1 / (1 + 1e-5): a sum of four squares of 1e-5.
    assert barlow_twins(z, None, off_diagonal=1.0).item() == pytest.approx(0, abs=1e-9)


def test_the_variance_is_biased_so_that_the_diagonal_reaches_one() -> None:
    # By the unbiased variance the diagonal of 8 examples is 7 / 8 and the loss 4 / 64.
    z = embeddings(8, 4)[:1].repeat(2, 1, 1)
    diagonal_alone = barlow_twins(z, None, off_diagonal=1e-12)
    assert diagonal_alone.item() == pytest.approx(0, abs=1e-8)


def test_opposite_and_unrelated_features_cost_their_closed_form() -> None:
    z = torch.stack([independent(), -independent()])
    assert barlow_twins(z, None, off_diagonal=1.0).item() == pytest.approx(4 * 4, rel=1e-4)
    swapped = torch.stack([independent(), independent()[:, [1, 0, 3, 2]]])
    expected = 4 + 0.1 * 4  # a diagonal of zeros, four ones off it
    assert barlow_twins(swapped, None, off_diagonal=0.1).item() == pytest.approx(expected, rel=1e-4)


def test_equal_features_cost_every_pair_of_them() -> None:
    z = independent()[:, :1].expand(2, 8, 5)
    assert barlow_twins(z, None, off_diagonal=0.1).item() == pytest.approx(0.1 * 20, rel=1e-4)


@pytest.mark.parametrize("constant", [0.0, 3.7])
def test_constant_features_cost_one_each_and_have_a_finite_gradient(constant: float) -> None:
    z = torch.full((2, 50, 4), constant)
    value, gradient = differentiated(lambda z: barlow_twins(z, None, off_diagonal=0.1), z)
    assert value.item() == pytest.approx(4, abs=1e-4)
    assert gradient.isfinite().all()


def test_order_of_examples_features_and_views_does_not_matter() -> None:
    z, order = embeddings(7, 4), torch.tensor([3, 1, 5, 0, 6, 2, 4])
    loss = barlow_twins(z, None, off_diagonal=0.1)
    changed = barlow_twins(z.flip(0, 2)[:, order], None, off_diagonal=0.1)
    assert torch.allclose(changed, loss, rtol=0, atol=EXACT)


def test_the_scale_and_the_shift_of_a_feature_do_not_matter() -> None:
    z = embeddings(7, 4) * 100  # 1e-5 is nothing beside their variances
    changed = z * torch.tensor([1.0, 10.0, -3.0, 7.0]) + torch.arange(4)
    loss = barlow_twins(z, None, off_diagonal=0.1).item()
    assert barlow_twins(changed, None, off_diagonal=0.1).item() == pytest.approx(loss, rel=1e-7)


def test_labels_are_not_looked_at() -> None:
    z = embeddings(6, 4)
    blind = barlow_twins(z, None, off_diagonal=0.1)
    assert torch.equal(barlow_twins(z, torch.zeros(6), off_diagonal=0.1), blind)


@pytest.mark.parametrize(("views", "n"), [(3, 5), (2, 1)])
def test_other_than_two_views_of_two_examples_is_refused(views: int, n: int) -> None:
    with pytest.raises(AssertionError, match="two views"):
        barlow_twins(embeddings(n, 4, views=views), None, off_diagonal=0.1)


@pytest.mark.parametrize("dtype", HALVES)
def test_half_precision_loses_nothing(dtype: torch.dtype) -> None:
    def objective(z: Tensor) -> Tensor:
        return barlow_twins(z, None, off_diagonal=0.1)

    assert_halves_lose_nothing(objective, dtype, temperature=0.1)
    assert_vast_numbers_stay_finite(objective, dtype)
