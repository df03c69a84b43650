"""Decoupled contrastive loss: NT-Xent, the positive not among the rivals (arXiv 2110.06848)."""

import math
from typing import Annotated

import torch
from annotated_types import Gt
from torch import Tensor

from twinview.core import declare
from twinview.learning import log_sum_exp, pair_mining, tally


def dcl(z: Tensor, labels: object, *, temperature: Annotated[float, Gt(0)]) -> Tensor:
    """Mean of log sum exp of the products with other examples, less the product with the own view.

    z: (2, n, d), n > 1, any scale but zero. labels are not looked at. Products are divided by the
    temperature; one sum runs over both views of all other examples (eq. 6). Unlike NT-Xent's, a
    positive pair's pull does not fade as it becomes easy, so small batches and few epochs do. Blind
    to rotation and to order; near log(2n - 2) for embeddings that say nothing, and may be negative.
    Keeps (2n, 2n) numbers, since to subtract a term from a tiled sum would cancel.
    """
    assert len(z) == 2 and z.shape[1] > 1, "DCL compares two views, and with other examples"
    tally.tell(negatives=2 * z.shape[1] - 2)
    unit = log_sum_exp.unit(z)
    first, second = unit.unbind()
    positive = (first * second).sum(1) / temperature
    _, negative = pair_mining.masks(z, None)
    rows = unit.flatten(0, 1)
    products = (rows @ rows.T / temperature).masked_fill(~negative, -math.inf)
    return torch.mean(products.logsumexp(1).unflatten(0, (2, -1)) - positive)


DECLARES = declare.Objective(
    positives=("views",),
    negatives=lambda n, alike, options: 2 * n - 2,
)
