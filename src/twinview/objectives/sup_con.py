"""SupCon: supervised contrastive loss with the mean outside the log (arXiv 2004.11362, eq. 2)."""

from typing import Annotated

import torch
from annotated_types import Gt
from torch import Tensor

from twinview.core import declare
from twinview.learning import log_sum_exp, pair_mining, tally


def sup_con(z: Tensor, labels: Tensor | None, *, temperature: Annotated[float, Gt(0)]) -> Tensor:
    """The mean over anchors of the mean cross-entropy of classifying each positive of the anchor.

    An anchor without positives (one view, the only one of its class) contributes zero and counts
    in the mean; the tally counts such anchors. The loss is invariant under rotation, the order of
    examples and the names of classes. Random embeddings cost about log(vn - 1).

    Parameters
    ----------
    z : (v, n, d), at any scale but zero.
    labels : (n,) integers, embeddings with the same label are positives; an example with NO_LABEL
        is a class of its own. None: every example is one, which with two views is NT-Xent.
    temperature : divides the products. The paper uses .1. Its code also multiplies the loss by
        temperature / .07, which the equation does not.
    """
    views = len(z)
    rows = log_sum_exp.normalise(z).flatten(0, 1)
    labels = pair_mining.classes(z, labels)
    count = log_sum_exp.count_positives(labels, views)
    tally.record_anchors(count, len(rows) - 1 - count)
    agreement = _agreement(rows, labels.repeat(views)) / count.clamp(min=1) / temperature
    loss = log_sum_exp.log_sum_exp_of_others(rows, temperature) - agreement
    return torch.where(count > 0, loss, 0).mean()


DECLARES = declare.Objective(
    positives=("views", "classes"),
    negatives=lambda n, alike, options: 2 * (n - alike),
    many_views=True,
)


def _agreement(rows: Tensor, labels: Tensor) -> Tensor:
    """The sum of each row's products with the other rows of its label, computed by class sums."""
    names, classes = labels.unique(return_inverse=True)
    sums = rows.new_zeros(len(names), rows.shape[1]).index_add(0, classes, rows)
    return (rows * (sums[classes] - rows)).sum(1)
