"""PCA whitening: the directions in which features vary most, each brought to variance one."""

from collections.abc import Callable

import torch
from torch import Tensor

_LEAST = 1e-6  # of the largest variance; below lie rounding errors


def whitening(features: Tensor, directions: int) -> Callable[[Tensor], Tensor]:
    """The map of (m, d) onto (m, k) under which features (n, d) have mean 0 and covariance 1.

    k: `directions`, or as many as the features really vary in. Cosines between whitened rows are
    Mahalanobis': common directions, which most pictures share, count no more than rare ones.
    """
    mean = features.mean(0)
    centred = features - mean
    variances, axes = torch.linalg.eigh((centred.T @ centred / len(features)).double())
    variances, axes = variances.flip(0)[:directions], axes.flip(1)[:, :directions]
    kept = variances > _LEAST * variances[0]
    scaled = (axes[:, kept] / variances[kept].sqrt()).to(features.dtype)
    return lambda rows: (rows - mean) @ scaled
