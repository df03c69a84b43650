"""Barlow Twins: the views' features correlate like the identity (arXiv 2103.03230, eq. 1)."""

from typing import Annotated

import torch
from annotated_types import Gt
from torch import Tensor
from torch.nn.functional import batch_norm

from twinview.core import declare
from twinview.learning import log_sum_exp


def barlow_twins(z: Tensor, labels: object, *, off_diagonal: Annotated[float, Gt(0)]) -> Tensor:
    """The squared distance of the correlations between two views' features from the identity.

    Each feature is standardised over the batch by its biased variance plus 1e-5, as batch norm
    does. So a constant feature costs 1 and has a finite gradient. The loss is invariant under the
    order of examples, and under scale and shift of each feature, but not under rotation. It keeps
    (d, d) numbers.

    Parameters
    ----------
    z : (2, n, d), n > 1, the whole batch, since a part of it has other statistics.
    labels : ignored.
    off_diagonal : the paper's lambda, the weight of the correlations of different features. The
        paper uses .005, its code .0051.
    """
    assert len(z) == 2 and z.shape[1] > 1, "Barlow Twins correlates two views over examples"
    first, second = (batch_norm(view, None, None, training=True) for view in log_sum_exp.upcast(z))
    correlations = first.T @ second / z.shape[1]
    excess = (correlations - torch.eye(len(correlations)).to(correlations)).square()
    return excess.trace() + off_diagonal * excess.fill_diagonal_(0).sum()


DECLARES = declare.Objective(
    positives=("views",),
    negatives=None,
    opts_out={
        "negatives": "it compares features over the batch, not examples",
        "rotation": "its features are to be independent, one by one",
    },
)
