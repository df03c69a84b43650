"""InfoNCE: name the key of each query (CPC, arXiv 1807.03748, eq. 4; MoCo, 1911.05722, eq. 1)."""

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
    """Mean cross-entropy of naming each query's key among the negatives.

    z: (2, n, d), queries then keys. queue: (k, d), the negatives of every query (MoCo); None: they
    are the other n - 1 keys (CPC). Any scale but zero. labels are not looked at. The queue is a
    parameter beyond the contract, since it is state: a method owns it, and detaches the keys too if
    a slow encoder made them. Embeddings that say nothing cost near log(k + 1), or log n without
    a queue. MoCo: temperature .07, 65,536 negatives.
    """
    tally.tell(negatives=z.shape[1] - 1 if queue is None else len(queue))
    queries, keys = log_sum_exp.unit(z).unbind()
    positive = (queries * keys).sum(1) / temperature
    if queue is None:
        return (log_sum_exp.log_sum_exp(queries, keys, temperature) - positive).mean()
    negatives = log_sum_exp.log_sum_exp(queries, log_sum_exp.unit(queue), temperature)
    # log(exp(positive) + exp(negatives)) - positive, with nothing to cancel.
    return torch.logaddexp(negatives - positive, torch.zeros_like(positive)).mean()


DECLARES = declare.Objective(
    positives=("views",),
    negatives=lambda n, alike, options: n - 1,
    without={"queue": None},
    opts_out={"order of views": "queries and keys"},
)
