"""NT-Xent: normalised temperature-scaled cross-entropy (SimCLR, arXiv 2002.05709, eq. 1)."""

from typing import Annotated

import torch
from annotated_types import Gt
from torch import Tensor

from twinview.core import declare
from twinview.learning import log_sum_exp, tally


def nt_xent(z: Tensor, labels: object, *, temperature: Annotated[float, Gt(0)]) -> Tensor:
    """The mean cross-entropy of classifying the other view of the same example.

    All other embeddings of the batch, 2n - 2 of them, are negatives. The loss is invariant under
    rotation and the order of examples. Random embeddings cost about log(2n - 1).

    Parameters
    ----------
    z : (2, n, d), at any scale but zero.
    labels : ignored.
    temperature : divides the products. SimCLR uses .1 for ImageNet and .5 for CIFAR-10.
    """
    assert len(z) == 2, "NT-Xent compares two views"
    tally.record(negatives=2 * z.shape[1] - 2)
    unit = log_sum_exp.normalise(z)
    first, second = unit.unbind()
    positive = (first * second).sum(1) / temperature
    others = log_sum_exp.log_sum_exp_of_others(unit.flatten(0, 1), temperature)
    # The positives are subtracted before the mean, since both terms are large at low temperatures.
    return torch.mean(others.unflatten(0, (2, -1)) - positive)


DECLARES = declare.Objective(
    positives=("views",),
    negatives=lambda n, alike, options: 2 * n - 2,
)
