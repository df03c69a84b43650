"""Mean, deviation and correlation of features: what the linear probe and whitening start from."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

# Of the mean: a smaller deviation is float32's rounding, and such a feature says nothing.
_LEAST = 1e-6


class Moments(NamedTuple):
    """Of features (n, d): mean and std (d,), and correlation (d, d)."""

    mean: Tensor
    std: Tensor
    correlation: Tensor

    def standardised(self, features: Tensor) -> Tensor:
        """(m, d) with mean 0 and deviation 1, were they those that the moments are of."""
        return (features - self.mean) / self.std


_kept = WeakTensorKeyDictionary()


def moments(features: Tensor) -> Moments:
    """Kept as long as the tensor, which must not be written to: each probe starts here."""
    if features not in _kept:
        _kept[features] = _moments(features)
    found: Moments = _kept[features]
    return found


def _moments(features: Tensor) -> Moments:
    std, mean = torch.std_mean(features, dim=0, correction=0)
    constant = std <= _LEAST * mean.abs()
    # Its mean is a value of its own, so that standardised rows hold zeros and no rounding.
    mean = torch.where(constant, features[0], mean)
    std = torch.where(constant, mean.abs(), std)
    std = torch.where(std > 0, std, torch.ones_like(std))
    x = (features - mean) / std
    return Moments(mean, std, x.T @ x / len(x))
