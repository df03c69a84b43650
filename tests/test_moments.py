"""Moments of features: kept while the features are."""

import weakref

import torch

from twinview.moments import moments


def test_moments_are_kept_as_long_as_their_features() -> None:
    features = torch.randn(9, 3)
    found = moments(features)
    assert moments(features) is found and moments(features.clone()) is not found
    gone = weakref.ref(features)
    del features
    assert gone() is None
