"""Mean, deviation and correlation of features: what the linear probe and whitening start from."""

import functools
from typing import NamedTuple

import torch
from torch import Tensor

_LEAST = 1e-6  # a smaller deviation is rounding: such a feature says nothing, and stays as it is


class Moments(NamedTuple):
    """Of features (n, d): mean and std (d,), and correlation (d, d)."""

    mean: Tensor
    std: Tensor
    correlation: Tensor

    def standardised(self, features: Tensor) -> Tensor:
        """(m, d) with mean 0 and deviation 1, were they those that the moments are of."""
        return (features - self.mean) / self.std


@functools.lru_cache(maxsize=2)
def moments(features: Tensor) -> Moments:
    """Kept for the last two tensors, train's and train's with validation's: each probe starts here.

    They must not be written to meanwhile.
    """
    std, mean = torch.std_mean(features, dim=0, correction=0)
    std = torch.where(std > _LEAST, std, torch.ones_like(std))
    x = (features - mean) / std
    return Moments(mean, std, x.T @ x / len(x))
