"""NT-Xent: normalised temperature-scaled cross-entropy (SimCLR, arXiv 2002.05709, eq. 1)."""

from itertools import combinations
from typing import Annotated

import torch
from annotated_types import Gt
from torch import Tensor

from twinview.core import declare
from twinview.learning import log_sum_exp, tally


def nt_xent(z: Tensor, labels: object, *, temperature: Annotated[float, Gt(0)]) -> Tensor:
    """The mean cross-entropy of classifying the other view of the same example.

    The other embeddings of the two views, 2n - 2 of them, are negatives. More than two views cost
    the mean over their pairs (the full graph of CMC, arXiv 1906.05849, whose loss is the sum). The
    loss is invariant under rotation, the order of views and that of examples. Random embeddings
    cost about log(2n - 1). Memory grows with n and with the number of pairs.

    Parameters
    ----------
    z : (v, n, d), v > 1, at any scale but zero.
    labels : ignored.
    temperature : divides the products. SimCLR uses .1 for ImageNet and .5 for CIFAR-10.
    """
    assert len(z) > 1, "NT-Xent compares views with each other"
    tally.record(negatives=2 * z.shape[1] - 2)
    pairs = map(torch.stack, combinations(log_sum_exp.normalise(z), 2))
    return torch.stack([_of_pair(pair, temperature) for pair in pairs]).mean()


DECLARES = declare.Objective(
    positives=("views",),
    negatives=lambda n, alike, options: 2 * n - 2,
    many_views=True,
)


def _of_pair(unit: Tensor, temperature: float) -> Tensor:
    """Equation 1 for two views (2, n, d) of embeddings of length 1."""
    first, second = unit.unbind()
    positive = (first * second).sum(1) / temperature
    others = log_sum_exp.log_sum_exp_of_others(unit.flatten(0, 1), temperature)
    # The positives are subtracted before the mean, since both terms are large at low temperatures.
    return torch.mean(others.unflatten(0, (2, -1)) - positive)
