"""PCA whitening: the directions in which features vary most, each scaled to variance one."""

from typing import NamedTuple

import torch
from torch import Tensor

from twinview.core import mapped
from twinview.evaluation.moments import moments

_LEAST = 1e-6  # relative to the largest variance; smaller variances are rounding errors


class Whitening(NamedTuple):
    """A map of rows (m, d) to (m, k): mean (d,) is subtracted, projection (d, k) multiplied."""

    mean: Tensor
    projection: Tensor

    def __call__(self, rows: Tensor) -> Tensor:
        """The whitened rows (m, k)."""
        return (rows - self.mean) @ self.projection

    def of_many(self, rows: Tensor) -> Tensor:
        """The whitened rows (m, k), which lie in a file if they are large."""
        return mapped.join(self(block) for block in mapped.blocks(rows))


def whitening(features: Tensor, directions: int) -> Whitening:
    """The map that whitens rows as these.

    It maps the given features (n, d) to mean 0 and covariance 1. k is `directions`, or the number
    of directions in which the features vary, if that is smaller. Cosines between whitened rows are
    those of Mahalanobis' distance: directions that most pictures share count no more than rare
    ones.
    """
    import scipy.linalg  # here alone: a served model applies a map, and fits none

    scale = moments(features)
    std = scale.std.double()
    covariance = (scale.correlation.double() * std * std[:, None]).numpy()
    width = len(covariance)
    # n centred rows vary in n - 1 directions; any further variance is rounding.
    first = max(0, width - min(directions, max(1, len(features) - 1)))
    wanted = (first, width - 1)
    # SciPy computes the largest eigenvalues alone, in a third of the time of all.
    eigen = scipy.linalg.eigh(covariance, subset_by_index=wanted)
    variances, axes = (torch.from_numpy(value).flip(-1) for value in eigen)
    kept = variances > _LEAST * variances[0]
    projection = (axes[:, kept] / variances[kept].sqrt()).to(features.dtype)
    return Whitening(scale.mean, projection)
