"""Contrastive loss: positives close, negatives a margin apart (Hadsell, CVPR 2006, eq. 4)."""

from typing import Annotated

import torch
from annotated_types import Gt
from torch import Tensor

from twinview.core import declare
from twinview.core.types import Alike
from twinview.learning import pair_mining, tally
from twinview.settings.ranges import Distance


def contrastive(
    z: Tensor,
    labels: Tensor | Alike | None,
    *,
    margin: Annotated[float, Gt(0)],
    distance: Distance,
) -> Tensor:
    """Half the mean squared distance of positive pairs, and of what negative ones lack to a margin.

    z: (v, n, d); any scale but zero for cosine. labels: (n,), the same label is a positive pair;
    None: the views of an example are. Each kind of pair has its own mean, since there are far more
    negatives; a kind that does not occur adds zero (tally hears of it). All embeddings alike
    cost margin ** 2 / 2, without a gradient. Blind to order and rotation. Keeps (vn, vn) numbers.
    Alike: the two views of a place are a pair, there is no other, and all pairs have one mean.
    The paper: euclidean, a margin of 1 or so in the scale of its outputs.
    """
    if isinstance(labels, Alike):
        return _of_pairs(pair_mining.across(z, distance), labels.values, margin)
    apart = pair_mining.between(z, distance)
    positive, negative = pair_mining.masks(z, labels)
    tally.tell_anchors(positive.sum(1), negative.sum(1))
    lacking = (margin - apart[negative]).relu()
    return (pair_mining.mean(apart[positive].square()) + pair_mining.mean(lacking.square())) / 2


DECLARES = declare.Objective(
    positives=("views", "classes", "pairs"),
    negatives=lambda n, alike, options: 2 * (n - alike),
)


def _of_pairs(apart: Tensor, alike: Tensor, margin: float) -> Tensor:
    tally.tell_anchors(alike, ~alike)
    return torch.where(alike, apart, (margin - apart).relu()).square().mean() / 2
