"""PCA whitening: the directions in which features vary most, each brought to variance one."""

from collections.abc import Callable

import scipy.linalg
import torch
from torch import Tensor

from twinview.evaluation.moments import moments

_LEAST = 1e-6  # of the largest variance; below lie rounding errors


def whitening(features: Tensor, directions: int) -> Callable[[Tensor], Tensor]:
    """The map of (m, d) onto (m, k) under which features (n, d) have mean 0 and covariance 1.

    k: `directions`, or as many as the features really vary in. Cosines between whitened rows are
    Mahalanobis': common directions, which most pictures share, count no more than rare ones.
    """
    of = moments(features)
    std = of.std.double()
    covariance = (of.correlation.double() * std * std[:, None]).numpy()
    width = len(covariance)
    # n rows less their mean vary in n - 1 directions: what more there seems to be is rounding.
    first = max(0, width - min(directions, max(1, len(features) - 1)))
    wanted = (first, width - 1)
    # SciPy finds the largest alone, three times sooner than all.
    found = scipy.linalg.eigh(covariance, subset_by_index=wanted)
    variances, axes = (torch.from_numpy(value).flip(-1) for value in found)
    kept = variances > _LEAST * variances[0]
    scaled = (axes[:, kept] / variances[kept].sqrt()).to(features.dtype)
    return lambda rows: (rows - of.mean) @ scaled
