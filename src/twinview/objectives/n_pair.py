"""Multi-class N-pair loss: one positive against the whole batch (Sohn, NeurIPS 2016, eq. 6)."""

import math
from typing import Annotated

from annotated_types import Ge
from torch import Tensor
from torch.nn.functional import logsigmoid

from twinview.core import declare
from twinview.learning import log_sum_exp, pair_mining, tally


def n_pair(z: Tensor, labels: Tensor | None, *, length_weight: Annotated[float, Ge(0)]) -> Tensor:
    """The mean over positive pairs of log(1 + sum of exp(negative product - positive product)).

    The sum runs over the anchor's negatives. The mean squared length, times length_weight, is
    added. Products are those of unnormalised embeddings, so lengths count. A batch of one class
    costs zero, and embeddings near zero cost about log n. The loss is invariant under the order of
    examples and under rotation. It keeps (n, n) numbers.

    Parameters
    ----------
    z : (2, n, d), anchors and then keys.
    labels : (n,), keys with the anchor's label are positives; None: the other view is.
    length_weight : the paper gives no value. TensorFlow's npairs_loss uses .001 in these terms (its
        .002, halved).
    """
    assert len(z) == 2, "N-pair compares anchors with keys: two views"
    z = log_sum_exp.upcast(z)
    anchors, keys = z.unbind()
    _, negative = pair_mining.pair_masks(z[:1], labels)
    tally.record_anchors((~negative).sum(1), negative.sum(1))
    products = anchors @ keys.T
    negatives = products.masked_fill(~negative, -math.inf).logsumexp(1, keepdim=True)
    loss = -logsigmoid((products - negatives)[~negative]).mean()
    return loss + length_weight * z.square().sum(2).mean()


DECLARES = declare.Objective(
    positives=("views", "classes"),
    negatives=lambda n, alike, options: n - alike,
    opts_out={"order of views": "anchors and positives"},
)
