"""Multi-crop: small crops are further views, which only predict (SwAV, arXiv 2006.09882, 3.2)."""

import torch
from torch import Tensor, nn

from twinview.core.types import Batch
from twinview.learning.parts import apply_to_views


def project(encoder: nn.Module, head: nn.Module, batch: Batch) -> Tensor:
    """The projections (v, n, d) of the views and, in training, of the small crops after them.

    The encoder takes each size in turn, the head all together, so that its batch norm sees all.
    """
    h = encoder(batch.views)
    if batch.small_crops is not None:
        h = torch.cat([h, encoder(batch.small_crops)])
    return apply_to_views(head, h)


def cross_entropy(targets: Tensor, log_p: Tensor) -> Tensor:
    """The mean cross-entropy of a view's target and the prediction of another view or crop.

    targets: (2, n, k), those of both views, whose rows sum to 1. log_p: (v, n, k), the logarithms
    of the predictions, the views first.
    """
    both = targets.sum(0, keepdim=True).expand(len(log_p) - 2, -1, -1)
    entropies = -(torch.cat([targets.flip(0), both]) * log_p).sum(2)
    # A small crop predicts two targets and a view one, so that v sums have 2 (v - 1) pairs.
    return entropies.mean() * (len(log_p) / (2 * (len(log_p) - 1)))
