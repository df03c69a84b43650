"""Mean, standard deviation and correlation of features, for the linear probe and for whitening."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from twinview.core import mapped

# Relative to the mean: a smaller deviation is float32's rounding, and the feature is constant.
_LEAST = 1e-6


class Moments(NamedTuple):
    """Moments of features (n, d): mean and std (d,), correlation (d, d)."""

    mean: Tensor
    std: Tensor
    correlation: Tensor

    def standardised(self, features: Tensor) -> Tensor:
        """Features (m, d) scaled by the moments, so that the moments' own get mean 0 and std 1."""
        return mapped.join((x - self.mean) / self.std for x in mapped.blocks(features))


_kept = WeakTensorKeyDictionary()


def moments(features: Tensor) -> Moments:
    """The moments of features (n, d), kept as long as the tensor.

    The tensor must not be written to afterwards. Each probe starts from the moments.
    """
    if features not in _kept:
        _kept[features] = _moments(features)
    kept: Moments = _kept[features]
    return kept


def _moments(features: Tensor) -> Moments:
    std, mean = torch.std_mean(features, dim=0, correction=0)
    constant = std <= _LEAST * mean.abs()
    # The mean of a constant feature is one of its values, so that its standardised rows are exactly
    # zero.
    mean = torch.where(constant, features[0], mean)
    std = torch.where(constant, mean.abs(), std)
    std = torch.where(std > 0, std, torch.ones_like(std))
    products = sum(x.T @ x for x in ((block - mean) / std for block in mapped.blocks(features)))
    assert isinstance(products, Tensor), "there are features"
    return Moments(mean, std, products / len(features))
