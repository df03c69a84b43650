"""Contrastive loss: positives close, negatives a margin apart (Hadsell, CVPR 2006, eq. 4)."""

from typing import Annotated

import torch
from annotated_types import Gt
from torch import Tensor

from twinview.core import declare
from twinview.core.types import PairLabels
from twinview.learning import pair_mining, tally
from twinview.settings.ranges import Distance


def contrastive(
    z: Tensor,
    labels: Tensor | PairLabels | None,
    *,
    margin: Annotated[float, Gt(0)],
    distance: Distance,
) -> Tensor:
    """Half the mean squared distance of positive pairs, plus half that of what negative pairs lack.

    A negative pair lacks max(0, margin - distance) (eq. 4). Positive and negative pairs have
    separate means, since there are far more negative ones; a kind without pairs adds zero, and the
    tally counts it. Embeddings that are all alike cost margin ** 2 / 2, without a gradient. The
    loss is invariant under the order of examples and under rotation. It keeps (vn, vn) numbers.

    Parameters
    ----------
    z : (v, n, d); for the cosine distance at any scale but zero.
    labels : (n,), pairs with the same label are positive; None: the views of an example are.
        PairLabels: the views z[0, i] and z[1, i] are the only pairs, and all of them have one
        mean.
    margin : the paper uses about 1 in the scale of its outputs.
    distance : euclidean, as in the paper, or cosine.
    """
    if isinstance(labels, PairLabels):
        return _of_pairs(pair_mining.distances_across_views(z, distance), labels.values, margin)
    distances = pair_mining.pairwise_distances(z, distance)
    positive, negative = pair_mining.pair_masks(z, labels)
    tally.record_anchors(positive.sum(1), negative.sum(1))
    missing = (margin - distances[negative]).relu()
    return (
        pair_mining.mean_or_zero(distances[positive].square())
        + pair_mining.mean_or_zero(missing.square())
    ) / 2


DECLARES = declare.Objective(
    positives=("views", "classes", "pairs"),
    negatives=lambda n, alike, options: 2 * (n - alike),
    many_views=True,
)


def _of_pairs(distances: Tensor, positive: Tensor, margin: float) -> Tensor:
    tally.record_anchors(positive, ~positive)
    return torch.where(positive, distances, (margin - distances).relu()).square().mean() / 2
