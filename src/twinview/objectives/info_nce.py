"""InfoNCE: which key is the query's? (CPC, arXiv 1807.03748, eq. 4; MoCo, 1911.05722, eq. 1)."""

from typing import Annotated

import torch
from annotated_types import Gt
from torch import Tensor

from twinview.core import declare
from twinview.learning import log_sum_exp, tally


def info_nce(
    z: Tensor,
    labels: object,
    queue: Tensor | None,
    *,
    temperature: Annotated[float, Gt(0)],
) -> Tensor:
    """The mean cross-entropy of classifying each query's key among the negatives.

    Random embeddings cost about log(k + 1), or log n without a queue.

    Parameters
    ----------
    z : (2, n, d), queries and then keys, at any scale but zero.
    labels : ignored.
    queue : (k, d), the negatives of every query (MoCo); None: the other n - 1 keys are the
        negatives (CPC). A queue is state, so a method has to keep it; the method also has to detach
        the keys of a slow encoder.
    temperature : divides the products. MoCo uses .07 with 65,536 negatives.
    """
    tally.record(negatives=z.shape[1] - 1 if queue is None else len(queue))
    queries, keys = log_sum_exp.normalise(z).unbind()
    positive = (queries * keys).sum(1) / temperature
    if queue is None:
        return (log_sum_exp.log_sum_exp(queries, keys, temperature) - positive).mean()
    negatives = log_sum_exp.log_sum_exp(queries, log_sum_exp.normalise(queue), temperature)
    # This is log(exp(positive) + exp(negatives)) - positive without cancellation.
    return torch.logaddexp(negatives - positive, torch.zeros_like(positive)).mean()


DECLARES = declare.Objective(
    positives=("views",),
    negatives=lambda n, alike, options: n - 1,
    without={"queue": None},
    opts_out={"order of views": "queries and keys"},
)
