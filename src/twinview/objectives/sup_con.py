"""SupCon: supervised contrastive loss, its mean outside the log (arXiv 2004.11362, eq. 2)."""

from typing import Annotated

import torch
from annotated_types import Gt
from torch import Tensor

from twinview.core import declare
from twinview.learning import log_sum_exp, tally


def sup_con(z: Tensor, labels: Tensor | None, *, temperature: Annotated[float, Gt(0)]) -> Tensor:
    """Mean over anchors of the mean cross-entropy of naming each embedding with the anchor's label.

    z: (v, n, d), any scale but zero. labels: (n,) integers; None: every example is its own class,
    which with two views is NT-Xent. An anchor without positives (one view, alone in its class)
    contributes zero and counts in the mean; tally hears how many do. Blind to rotation,
    to order and to the names of classes; near log(vn - 1) for embeddings that say nothing. The
    paper: temperature .1; its code also multiplies by temperature / .07, the equation does not.
    """
    views, n, _ = z.shape
    rows = log_sum_exp.unit(z).flatten(0, 1)
    labels = torch.arange(n, device=z.device) if labels is None else labels
    count = log_sum_exp.positives(labels, views)
    tally.tell_anchors(count, len(rows) - 1 - count)
    agreement = _agreement(rows, labels.repeat(views)) / count.clamp(min=1) / temperature
    loss = log_sum_exp.log_sum_exp_of_others(rows, temperature) - agreement
    return torch.where(count > 0, loss, 0).mean()


DECLARES = declare.Objective(
    positives=("views", "classes"),
    negatives=lambda n, alike, options: 2 * (n - alike),
)


def _agreement(rows: Tensor, labels: Tensor) -> Tensor:
    """The sum of each row's products with the other rows of its label, by way of the class sums."""
    names, classes = labels.unique(return_inverse=True)
    sums = rows.new_zeros(len(names), rows.shape[1]).index_add(0, classes, rows)
    return (rows * (sums[classes] - rows)).sum(1)
