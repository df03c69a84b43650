"""Whitening: covariance one, leading directions first, fitted on the training rows alone."""

import pytest
import torch
from torch import Tensor

from twinview.evaluation.whitening import whitening


def correlated(n: int, seed: int) -> Tensor:
    """Six directions of very different variance, and a mean that is not zero."""
    random = torch.Generator().manual_seed(seed)
    turned, _ = torch.linalg.qr(torch.randn(6, 6, generator=torch.Generator().manual_seed(9)))
    scales = torch.tensor([10.0, 5, 3, 1, 0.5, 0.3])
    return 5 + torch.randn(n, 6, generator=random) * scales @ turned


@pytest.mark.parametrize("directions", [1, 4, 6, 99])
def test_the_fitted_rows_have_mean_zero_and_covariance_one(directions: int) -> None:
    x = correlated(500, 0)
    fitted = whitening(x, directions)
    assert fitted.projection.is_contiguous()  # as in its file: the order decides the last bits
    white = fitted(x).double()
    k = min(directions, 6)
    assert white.shape == (500, k)
    torch.testing.assert_close(white.mean(0), torch.zeros(k).double(), atol=1e-3, rtol=0)
    covariance = white.T @ white / 500
    torch.testing.assert_close(covariance, torch.eye(k).double(), atol=1e-3, rtol=0)


def test_other_rows_are_mapped_by_the_fitted_ones() -> None:
    fitted, others = correlated(500, 0), correlated(300, 1)
    both = whitening(fitted, 3)
    # Float32 sums in batches of another size.
    torch.testing.assert_close(both(others)[:7], both(others[:7]), rtol=0, atol=1e-5)
    assert (both(others + 100) - both(others)).abs().min() > 0


def test_the_leading_directions_are_those_of_most_variance() -> None:
    x = correlated(500, 0)
    first = whitening(x, 1)(x).squeeze(1)
    axis = torch.linalg.svd(x - x.mean(0)).Vh[0]
    expected = (x - x.mean(0)) @ axis
    assert abs(torch.corrcoef(torch.stack([first, expected]))[0, 1]) > 0.9999


def test_directions_without_variance_are_left_out() -> None:
    x = correlated(500, 0)
    twice = torch.cat([x, x, torch.ones(500, 2)], dim=1)
    white = whitening(twice, 14)(twice)
    assert white.shape == (500, 6)
    assert white.isfinite().all()


@pytest.mark.parametrize("factor", [1e-6, 1e6])
def test_the_scale_of_all_features_does_not_matter(factor: float) -> None:
    x = correlated(500, 0)
    found, expected = whitening(factor * x, 4)(factor * x), whitening(x, 4)(x)
    # A direction may point either way. Float32.
    torch.testing.assert_close(found.abs(), expected.abs(), rtol=0, atol=1e-3)


def test_rows_vary_in_one_direction_fewer_than_there_are() -> None:
    x = torch.randn(30, 400, generator=torch.Generator().manual_seed(0))
    white = whitening(x, 256)(x)
    assert white.shape == (30, 29)
    torch.testing.assert_close(white.T @ white / 30, torch.eye(29), atol=1e-3, rtol=0)


def test_a_few_directions_of_many_are_found_as_by_the_whole_decomposition() -> None:
    random = torch.Generator().manual_seed(0)
    turned, _ = torch.linalg.qr(torch.randn(300, 300, generator=random))
    x = torch.randn(900, 300, generator=random) * torch.arange(1, 301) ** -0.8 @ turned
    covariance = torch.cov(x.double().T, correction=0)
    values, vectors = torch.linalg.eigh(covariance)
    exact = (x.double() - x.mean(0)) @ vectors[:, -20:] / values[-20:].sqrt()
    white = whitening(x, 20)(x).double()
    # Directions of nearly equal variance may turn among themselves, which leaves products as
    # they are. The products are of the size of 20; the last direction is found to about 1e-3.
    torch.testing.assert_close(white @ white.T, exact @ exact.T, rtol=0, atol=0.05)
