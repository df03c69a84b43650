"""Decoupled contrastive loss: NT-Xent without the positive in the sum (arXiv 2110.06848)."""

import math
from typing import Annotated

import torch
from annotated_types import Gt
from torch import Tensor

from twinview.core import declare
from twinview.learning import log_sum_exp, pair_mining, tally


def dcl(z: Tensor, labels: object, *, temperature: Annotated[float, Gt(0)]) -> Tensor:
    """The mean of the log-sum-exp of products with other examples, minus the positive product.

    One sum runs over both views of all other examples (eq. 6). Unlike in NT-Xent, the gradient of
    a positive pair does not fade as the pair becomes easy, so that small batches and few epochs
    are enough. The loss is invariant under rotation and the order of examples. Random embeddings
    cost about log(2n - 2), and the loss may be negative. It keeps (2n, 2n) numbers: subtracting
    the positive term from a sum in tiles would cancel.

    Parameters
    ----------
    z : (2, n, d), n > 1, at any scale but zero.
    labels : ignored.
    temperature : divides the products.
    """
    assert len(z) == 2 and z.shape[1] > 1, "DCL compares two views, and with other examples"
    tally.record(negatives=2 * z.shape[1] - 2)
    unit = log_sum_exp.normalise(z)
    first, second = unit.unbind()
    positive = (first * second).sum(1) / temperature
    _, negative = pair_mining.pair_masks(z, None)
    rows = unit.flatten(0, 1)
    products = (rows @ rows.T / temperature).masked_fill(~negative, -math.inf)
    return torch.mean(products.logsumexp(1).unflatten(0, (2, -1)) - positive)


DECLARES = declare.Objective(
    positives=("views",),
    negatives=lambda n, alike, options: 2 * n - 2,
)
