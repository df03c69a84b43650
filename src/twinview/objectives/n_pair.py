"""Multi-class N-pair loss: one positive against the whole batch (Sohn, NeurIPS 2016, eq. 6)."""

import math
from typing import Annotated

from annotated_types import Ge
from torch import Tensor
from torch.nn.functional import logsigmoid

from twinview.core import declare
from twinview.learning import log_sum_exp, pair_mining, tally


def n_pair(z: Tensor, labels: Tensor | None, *, length_weight: Annotated[float, Ge(0)]) -> Tensor:
    """Mean over positive pairs of log(1 + sum over negatives of exp(product - the positive's)).

    z: (2, n, d), anchors then keys; products are those of embeddings as they are, so lengths count.
    labels: (n,), keys with the anchor's label are positives; None: the other view is. A batch of
    one class costs zero. length_weight times the mean squared length is added. Near log n for
    embeddings near zero. Blind to order and rotation. Keeps (n, n) numbers. The paper adds lengths
    without a number; TensorFlow's npairs_loss: .001 in these terms (its .002, halved).
    """
    assert len(z) == 2, "N-pair compares anchors with keys: two views"
    wide = log_sum_exp.widened(z)
    anchors, keys = wide.unbind()
    _, negative = pair_mining.masks(z[:1], labels)
    tally.tell_anchors((~negative).sum(1), negative.sum(1))
    products = anchors @ keys.T
    rivals = products.masked_fill(~negative, -math.inf).logsumexp(1, keepdim=True)
    loss = -logsigmoid((products - rivals)[~negative]).mean()
    return loss + length_weight * wide.square().sum(2).mean()


DECLARES = declare.Objective(
    positives=("views", "classes"),
    negatives=lambda n, alike, options: n - alike,
    opts_out={"order of views": "anchors and positives"},
)
