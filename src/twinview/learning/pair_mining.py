"""How far apart the embeddings of a batch are, and the positive pairs and triplets among them.

z: (v, n, d); its m = v n embeddings are numbered views first. Two of them are a positive pair when
they have the same label, or without labels when they show the same example; all others are negative
pairs. (m, m) numbers are kept, and (positive pairs, m) where triplets are made.
"""

import math

import torch
from torch import Tensor

from twinview.learning import log_sum_exp, tally
from twinview.settings.ranges import Distance, Mining


def pairwise_distances(z: Tensor, distance: Distance) -> Tensor:
    """The distance of each embedding from every other: (m, m), float32 or float64.

    cosine: 1 - cosine, from 0 to 2. euclidean: a distance of zero has a gradient of zero.
    """
    if distance == "cosine":
        rows = log_sum_exp.normalise(z).flatten(0, 1)
        return 1 - rows @ rows.T
    rows = log_sum_exp.upcast(z).flatten(0, 1)
    # By differences: squares and products, though quicker, cancel where embeddings nearly agree.
    return torch.cdist(rows, rows, compute_mode="donot_use_mm_for_euclid_dist")


def distances_across_views(z: Tensor, distance: Distance) -> Tensor:
    """The distance of each place's two views: (n,). z: (2, n, d). As between, of those pairs."""
    first, second = (
        log_sum_exp.normalise(z) if distance == "cosine" else log_sum_exp.upcast(z)
    ).unbind()
    if distance == "cosine":
        return 1 - (first * second).sum(1)
    apart: Tensor = torch.linalg.vector_norm(first - second, dim=1)
    return apart


def pair_masks(z: Tensor, labels: Tensor | None) -> tuple[Tensor, Tensor]:
    """Which pairs are positive, and which are negative: (m, m) bool each.

    An embedding and itself are neither. pairs.positives counts the positive ones by anchor.
    """
    views, n, _ = z.shape
    names = torch.arange(n, device=z.device) if labels is None else labels
    names = names.repeat(views)
    same = names[:, None] == names
    return same.clone().fill_diagonal_(False), ~same


def mean_or_zero(values: Tensor) -> Tensor:
    """Mean of all values. Of none: zero, with a gradient of zero."""
    return values.sum() / max(1, values.numel())


def mine_triplets(
    z: Tensor, labels: Tensor | None, *, margin: float, distance: Distance, mining: Mining
) -> tuple[Tensor, Tensor]:
    """How far the positive and the negative of each mined triplet are from its anchor: (k,) each.

    all: every anchor, positive and negative. semi_hard: see there. hard: for each anchor its
    farthest positive and its nearest negative (arXiv 1703.07737, eq. 5). k, the number of
    triplets, is zero if a batch has no positive or no negative pair: nothing to learn from.
    """
    mine = {"all": _all, "semi_hard": semi_hard, "hard": _hard}[mining]
    kinds = pair_masks(z, labels)
    near, far = mine(pairwise_distances(z, distance), *kinds, margin)
    tally.record_anchors(*(kind.sum(1) for kind in kinds))
    tally.record_triplets(len(near))
    return near, far


def semi_hard(
    apart: Tensor, positive: Tensor, negative: Tensor, margin: float
) -> tuple[Tensor, Tensor]:
    """For each positive pair the nearest negative that is farther away, by less than the margin.

    (k,) each, as triplets gives them; a pair without such a negative is left out. So embeddings
    that are all alike make no triplet, but for rounding. Source: arXiv 1503.03832, section 3.2.
    """
    anchors, _ = positive.nonzero(as_tuple=True)
    near, far = apart[positive], apart[anchors]
    beyond = far - near[:, None]
    eligible = negative[anchors] & (beyond > 0) & (beyond < margin)
    found = eligible.any(1)
    return near[found], far.masked_fill(~eligible, math.inf).amin(1)[found]


def _all(apart: Tensor, positive: Tensor, negative: Tensor, margin: float) -> tuple[Tensor, Tensor]:
    anchors, _ = positive.nonzero(as_tuple=True)
    far, valid = apart[anchors], negative[anchors]
    return apart[positive][:, None].expand_as(far)[valid], far[valid]


def _hard(
    apart: Tensor, positive: Tensor, negative: Tensor, margin: float
) -> tuple[Tensor, Tensor]:
    anchors = positive.any(1) & negative.any(1)
    near = apart.masked_fill(~positive, -math.inf).amax(1)
    far = apart.masked_fill(~negative, math.inf).amin(1)
    return near[anchors], far[anchors]
