"""Moments of features: kept while the features are."""

import weakref
from functools import partial

import pytest
import torch

from twinview.evaluation.moments import join, moments, scale_of


def test_moments_are_kept_as_long_as_their_features() -> None:
    features = torch.randn(9, 3)
    found = moments(features)
    assert moments(features) is found and moments(features.clone()) is not found
    gone = weakref.ref(features)
    del features
    assert gone() is None


@pytest.mark.parametrize("factor", [1e-6, 1.0, 1e6])
def test_standardised_features_do_not_depend_on_the_scale(factor: float) -> None:
    x = torch.randn(50, 3, generator=torch.Generator().manual_seed(0)) + 2
    found, expected = moments(factor * x), moments(x)
    wanted = expected.scale.standardised(x)
    torch.testing.assert_close(found.scale.standardised(factor * x), wanted)


@pytest.mark.parametrize("value", [0.0, 7e-9, 0.1, 3e6])
def test_a_feature_that_is_constant_is_zero_when_standardised(value: float) -> None:
    x = torch.full((1000, 2), value)
    assert not moments(x).scale.standardised(x).any()


def test_moments_of_joined_features_are_those_of_all_rows() -> None:
    random = torch.Generator().manual_seed(0)
    x = torch.randn(90, 700, generator=random) * torch.logspace(-2, 2, 700) + 3
    x[:, 5] = 0.3
    parts = [x[:70].clone(), x[70:].clone()]
    joined, whole = join(parts), x.double()
    assert torch.equal(joined, x)
    found, std = moments(joined), whole.std(0, correction=0).clamp(min=1e-9)
    correlation = ((whole - whole.mean(0)) / std).T @ ((whole - whole.mean(0)) / std) / 90
    varies = torch.arange(700) != 5
    close = partial(torch.testing.assert_close, rtol=1e-4, atol=1e-5)  # float32 sums
    close(found.scale.mean.double(), whole.mean(0))
    close(found.scale.std[varies].double(), std[varies])
    close(found.correlation[varies][:, varies].double(), correlation[varies][:, varies])
    assert not found.scale.standardised(x)[:, 5].any()
    close(found.scale.std, scale_of(x).std)
