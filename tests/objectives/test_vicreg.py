"""VICReg against a loop written from the paper (arXiv 2105.04906, eq. 1 to 6), and closed forms."""

from typing import Any

import pytest
import torch
from torch import Tensor

from tests.objectives.shared import (
    EXACT,
    HALVES,
    assert_same,
    assert_vast_numbers_stay_finite,
    differentiated,
    embeddings,
)
from twinview.objectives.vicreg import vicreg

WEIGHTS = {"invariance_weight": 25.0, "variance_weight": 25.0, "covariance_weight": 1.0}


def weights(invariance: float, variance: float, covariance: float) -> dict[str, Any]:
    values = (invariance, variance, covariance)
    return dict(zip(WEIGHTS, values, strict=True))


def loop(z: Tensor, invariance: float, variance: float, covariance: float) -> Tensor:
    """Number by number; the means over features and views are those of the paper's code."""
    n, d = z.shape[1:]
    total = z.new_zeros(())
    for i in range(n):
        for j in range(d):
            total = total + invariance * (z[0, i, j] - z[1, i, j]) ** 2 / (n * d)
    for view in z:
        mean = view.sum(0) / n
        for i in range(d):
            for j in range(d):
                c = ((view[:, i] - mean[i]) * (view[:, j] - mean[j])).sum() / (n - 1)
                if i != j:
                    total = total + covariance * c**2 / d
                elif c + 1e-4 < 1:
                    total = total + variance * (1 - torch.sqrt(c + 1e-4)) / (2 * d)
    return total


def independent() -> Tensor:
    """Four features without mean or correlation, of variance 1: columns of a Hadamard matrix."""
    two = torch.tensor([[1.0, 1.0], [1.0, -1.0]], dtype=torch.float64)
    return torch.kron(torch.kron(two, two), two)[:, 1:5] * (7 / 8) ** 0.5


@pytest.mark.parametrize("by", [(25.0, 25.0, 1.0), (0.3, 2.0, 0.7), (1.0, 1.0, 0.0)])
@pytest.mark.parametrize(("n", "d"), [(2, 3), (7, 5), (5, 1)])
def test_value_and_gradient_are_the_paper_s(n: int, d: int, by: tuple[float, float, float]) -> None:
    z = embeddings(n, d)
    assert_same(lambda z: vicreg(z, None, **weights(*by)), lambda z: loop(z, *by), z)


def test_the_gradient_is_that_of_finite_differences() -> None:
    z = embeddings(4, 3).requires_grad_()
    assert torch.autograd.gradcheck(lambda z: vicreg(z, None, **WEIGHTS), z)


def test_views_that_agree_on_independent_features_of_variance_one_cost_nothing() -> None:
    z = independent()[None].repeat(2, 1, 1)
    assert vicreg(z, None, **WEIGHTS).item() == pytest.approx(0, abs=1e-12)


def test_each_term_costs_its_closed_form() -> None:
    z = independent()[None].repeat(2, 1, 1)
    apart = torch.stack([z[0], -z[0]])
    assert vicreg(apart, None, **weights(1, 1, 1)).item() == pytest.approx(4 * 7 / 8)
    narrow = vicreg(z / 10, None, **weights(1, 1, 1)).item()
    assert narrow == pytest.approx(1 - (0.01 + 1e-4) ** 0.5), "a deviation of a tenth"
    alike = z[:, :, :1].expand(2, 8, 5)
    assert vicreg(alike, None, **weights(1, 1, 1)).item() == pytest.approx(2 * 5 * 4 / 5)


def test_features_that_vary_more_than_one_are_not_pulled_back() -> None:
    z = 3 * independent()[None].repeat(2, 1, 1)
    value, gradient = differentiated(lambda z: vicreg(z, None, **weights(1, 1, 1e-9)), z)
    assert value.item() == pytest.approx(0, abs=1e-9) and gradient.abs().max() < 1e-8


@pytest.mark.parametrize("constant", [0.0, 3.7])
def test_a_collapse_costs_the_variance_s_weight_and_has_a_finite_gradient(constant: float) -> None:
    z = torch.full((2, 50, 4), constant)
    value, gradient = differentiated(lambda z: vicreg(z, None, **WEIGHTS), z)
    # In float32 the mean of 50 equal numbers may be off by a rounding.
    assert value.item() == pytest.approx(0.99 * 25, rel=1e-4)
    assert gradient.isfinite().all()


def test_order_of_examples_features_and_views_does_not_matter() -> None:
    z, order = embeddings(7, 4), torch.tensor([3, 1, 5, 0, 6, 2, 4])
    loss = vicreg(z, None, **WEIGHTS)
    changed = vicreg(z.flip(0, 2)[:, order], None, **WEIGHTS)
    assert torch.allclose(changed, loss, rtol=0, atol=EXACT)


def test_the_shift_of_a_feature_does_not_matter_and_its_scale_does() -> None:
    z = embeddings(7, 4)
    loss = vicreg(z, None, **WEIGHTS).item()
    assert vicreg(z + torch.arange(4), None, **WEIGHTS).item() == pytest.approx(loss)
    assert vicreg(2 * z, None, **WEIGHTS).item() > 2 * loss


def test_labels_are_not_looked_at() -> None:
    z = embeddings(6, 4)
    blind = vicreg(z, None, **WEIGHTS)
    assert torch.equal(vicreg(z, torch.zeros(6), **WEIGHTS), blind)


@pytest.mark.parametrize(("views", "n"), [(3, 5), (2, 1)])
def test_other_than_two_views_of_two_examples_is_refused(views: int, n: int) -> None:
    with pytest.raises(AssertionError, match="two views"):
        vicreg(embeddings(n, 4, views=views), None, **WEIGHTS)


@pytest.mark.parametrize("dtype", HALVES)
def test_half_precision_loses_nothing(dtype: torch.dtype) -> None:
    z = embeddings(20, 8).to(dtype)
    value, gradient = differentiated(lambda z: vicreg(z, None, **WEIGHTS), z)
    expected = vicreg(z.double(), None, **WEIGHTS).item()
    # The sums are those of float32, over some hundred products.
    assert value.item() == pytest.approx(expected, rel=1e-5) and gradient.isfinite().all()


def test_vast_numbers_have_a_finite_loss_whose_gradient_bfloat16_can_hold() -> None:
    assert_vast_numbers_stay_finite(lambda z: vicreg(z, None, **WEIGHTS), torch.bfloat16)
    vast = (1000 * embeddings(12, 8)).half()
    assert vicreg(vast, None, **WEIGHTS).isfinite()
