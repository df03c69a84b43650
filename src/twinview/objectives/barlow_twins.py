"""Barlow Twins: the views' features correlate one to one (arXiv 2103.03230, eq. 1)."""

from typing import Annotated

import torch
from annotated_types import Gt
from torch import Tensor
from torch.nn.functional import batch_norm

from twinview.core import declare
from twinview.learning import log_sum_exp


def barlow_twins(z: Tensor, labels: object, *, off_diagonal: Annotated[float, Gt(0)]) -> Tensor:
    """Squared distance of the views' correlations from the identity, summed over features.

    z: (2, n, d), n > 1, the whole batch: statistics of a part are others. labels are not looked at.
    off_diagonal: lambda, what a correlation of two different features counts. Each feature is
    standardised over the batch by its biased variance plus 1e-5, as batch norm does, so a constant
    feature costs 1 and has a finite gradient. Blind to order, and to each feature's scale and
    shift; not to rotation. Keeps (d, d) numbers. The paper: .005, its code .0051.
    """
    assert len(z) == 2 and z.shape[1] > 1, "Barlow Twins correlates two views over examples"
    first, second = (batch_norm(view, None, None, training=True) for view in log_sum_exp.widened(z))
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
