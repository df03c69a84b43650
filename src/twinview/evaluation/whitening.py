"""PCA whitening: the directions in which features vary most, each scaled to variance one."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from twinview.core import mapped
from twinview.evaluation.moments import moments

# Subspace iteration is for widths of at least _FEW times the directions that are asked for.
_FEW, _ITERATIONS = 6, 4
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
    """The map that whitens rows as these; it is kept as long as they are.

    It maps the given features (n, d) to mean 0 and covariance 1. k is `directions`, or the number
    of directions in which the features vary, if that is smaller. Cosines between whitened rows are
    those of Mahalanobis' distance: directions that most pictures share count no more than rare
    ones.
    """
    kept: dict[int, Whitening] = _kept.setdefault(features, {})
    if directions not in kept:
        kept[directions] = _whitening(features, directions)
    return kept[directions]


_kept = WeakTensorKeyDictionary()


def _whitening(features: Tensor, directions: int) -> Whitening:
    found = moments(features)
    # n centred rows vary in n - 1 directions; any further variance is rounding.
    most = min(directions, max(1, len(features) - 1), features.shape[1])
    variances, axes = _leading(found.covariance, most)
    kept = variances > _LEAST * variances[0]
    projection = (axes[:, kept] / variances[kept].sqrt()).to(features.dtype).contiguous()
    return Whitening(found.scale.mean, projection)


def _leading(covariance: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The largest eigenvalues (count,), in descending order, and their vectors (d, count).

    Of a few among many, those of twice as many directions are found by subspace iteration with a
    Rayleigh-Ritz step (Halko, Martinsson and Tropp, arXiv 0909.4061, algorithm 4.4). The last ones
    are the least exact: they mix with directions of nearly equal variance that are left out.
    """
    import scipy.linalg  # here alone: a served model applies a map, and fits none

    width, basis = len(covariance), None
    if width >= _FEW * count:
        basis = covariance[:, :: width // (2 * count)]
        for _ in range(_ITERATIONS):
            basis = torch.linalg.qr(covariance @ (covariance @ basis)).Q
        covariance = basis.T @ covariance @ basis
        width = len(covariance)
    # SciPy computes the largest eigenvalues alone, in a third of the time of all.
    eigen = scipy.linalg.eigh(covariance.numpy(), subset_by_index=(width - count, width - 1))
    values, vectors = (torch.from_numpy(found).flip(-1) for found in eigen)
    return values, vectors if basis is None else basis @ vectors
