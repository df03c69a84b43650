"""Mean, standard deviation and correlation of features, for the linear probe and for whitening."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from twinview.core import mapped

# Relative to the mean: a smaller deviation is float32's rounding, and the feature is constant.
_LEAST = 1e-6
_COLUMNS = 512  # the columns of a product that are computed at once, see gram


class Scale(NamedTuple):
    """Mean and std (d,) of features, by which these and others are standardised."""

    mean: Tensor
    std: Tensor

    def standardised(self, features: Tensor) -> Tensor:
        """Features (m, d) scaled so that the scale's own get mean 0 and std 1."""
        return mapped.join((x - self.mean) / self.std for x in mapped.blocks(features))


class Moments(NamedTuple):
    """Moments of n rows of features (n, d): their scale, and the correlation (d, d)."""

    n: int
    scale: Scale
    correlation: Tensor

    @property
    def covariance(self) -> Tensor:
        """The covariance (d, d), float64."""
        std = self.scale.std.double()
        return self.correlation.double() * std * std[:, None]


_kept, _parts = WeakTensorKeyDictionary(), WeakTensorKeyDictionary()


def moments(features: Tensor) -> Moments:
    """The moments of features (n, d), kept as long as the tensor.

    The tensor must not be written to afterwards. Each probe starts from the moments.
    """
    if features not in _kept:
        parts = parts_of(features)
        _kept[features] = _combined([*map(moments, parts)]) if parts else _moments(features)
    kept: Moments = _kept[features]
    return kept


def join(parts: Sequence[Tensor]) -> Tensor:
    """The rows of all parts (n, d) as one tensor, whose moments follow from those of the parts."""
    features = mapped.join(parts)
    _parts[features] = tuple(parts)
    return features


def parts_of(features: Tensor) -> tuple[Tensor, ...]:
    """The tensors that `join` made these features of; () for features that `join` did not make."""
    parts: tuple[Tensor, ...] = _parts.get(features, ())
    return parts


def scale_of(features: Tensor) -> Scale:
    """The scale of features (n, d), without their correlation."""
    std, mean = torch.std_mean(features, dim=0, correction=0)
    return _scale(mean, std, features[0])


def gram(x: Tensor) -> Tensor:
    """The product x.T @ x (d, d). It is symmetric, so that little more than half is computed."""
    products = x.new_empty(x.shape[1], x.shape[1])
    for first in range(0, x.shape[1], _COLUMNS):
        last = first + _COLUMNS
        products[first:last, first:] = x[:, first:last].T @ x[:, first:]
        products[last:, first:last] = products[first:last, last:].T
    return products


def _moments(features: Tensor) -> Moments:
    mean = features.mean(0)
    products = sum(gram(block - mean) for block in mapped.blocks(features))
    assert isinstance(products, Tensor), "there are features"
    return _of_covariance(len(features), mean, products / len(features), features[0])


def _combined(parts: Sequence[Moments]) -> Moments:
    """The moments of all rows from those of their parts (Chan, Golub and LeVeque 1983, eq. 2.1)."""
    n = sum(part.n for part in parts)
    mean = torch.stack([part.scale.mean.double() * (part.n / n) for part in parts]).sum(0)
    covariance = torch.zeros(len(mean), len(mean), dtype=torch.float64)
    for part in parts:
        offset = part.scale.mean.double() - mean
        covariance += (part.covariance + torch.outer(offset, offset)) * (part.n / n)
    first = parts[0].scale.mean
    return _of_covariance(n, mean.to(first.dtype), covariance, first)


def _of_covariance(n: int, mean: Tensor, covariance: Tensor, first: Tensor) -> Moments:
    scale = _scale(mean, covariance.diagonal().sqrt().to(mean.dtype), first)
    correlation = covariance / scale.std / scale.std[:, None]
    return Moments(n, scale, correlation.to(mean.dtype))


def _scale(mean: Tensor, std: Tensor, first: Tensor) -> Scale:
    """A scale in which a constant feature has one of its values, `first`, for its mean.

    So its standardised rows are exactly zero.
    """
    constant = std <= _LEAST * mean.abs()
    mean = torch.where(constant, first, mean)
    std = torch.where(constant, mean.abs(), std)
    return Scale(mean, torch.where(std > 0, std, torch.ones_like(std)))
