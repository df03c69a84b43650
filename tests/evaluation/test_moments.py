"""Moments of features: kept while the features are."""

import weakref

import pytest
import torch

from twinview.evaluation.moments import moments


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
    torch.testing.assert_close(found.standardised(factor * x), expected.standardised(x))


@pytest.mark.parametrize("value", [0.0, 7e-9, 0.1, 3e6])
def test_a_feature_that_is_constant_is_zero_when_standardised(value: float) -> None:
    x = torch.full((1000, 2), value)
    assert not moments(x).standardised(x).any()
