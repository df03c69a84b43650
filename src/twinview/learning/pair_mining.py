"""Pairwise distances of a batch's embeddings, and the positive pairs and triplets among them.

z: (v, n, d); its m = v n embeddings are numbered views first. Two embeddings are a positive pair
when they have the same label or are views of the same example; all other pairs are negative. An
example without a label is like a class of its own. Memory holds (m, m) numbers, and (positive
pairs, m) for triplets.
"""

import math

import torch
from torch import Tensor

from twinview.core.types import NO_LABEL, apart_without
from twinview.learning import log_sum_exp, tally
from twinview.settings.ranges import Distance, Mining


def pairwise_distances(z: Tensor, distance: Distance) -> Tensor:
    """The distances (m, m) between all embeddings, float32 or float64.

    The cosine distance is 1 - cosine, from 0 to 2. A Euclidean distance of zero has a gradient of
    zero.
    """
    if distance == "cosine":
        rows = log_sum_exp.normalise(z).flatten(0, 1)
        return 1 - rows @ rows.T
    rows = log_sum_exp.upcast(z).flatten(0, 1)
    # Distances by squares and products are quicker, but they cancel for nearly equal embeddings.
    return torch.cdist(rows, rows, compute_mode="donot_use_mm_for_euclid_dist")


def distances_across_views(z: Tensor, distance: Distance) -> Tensor:
    """The distances (n,) between z[0, i] and z[1, i], as in pairwise_distances. z: (2, n, d)."""
    first, second = (
        log_sum_exp.normalise(z) if distance == "cosine" else log_sum_exp.upcast(z)
    ).unbind()
    if distance == "cosine":
        return 1 - (first * second).sum(1)
    distances: Tensor = torch.linalg.vector_norm(first - second, dim=1)
    return distances


def pair_masks(z: Tensor, labels: Tensor | None) -> tuple[Tensor, Tensor]:
    """The masks of the positive and of the negative pairs, (m, m) bool each.

    An embedding and itself are in neither.
    """
    views = len(z)
    labels = classes(z, labels).repeat(views)
    same = labels[:, None] == labels
    return same.clone().fill_diagonal_(False), ~same


def classes(z: Tensor, labels: Tensor | None) -> Tensor:
    """The class (n,) of each example of z (v, n, d); one of its own for each without a label."""
    unlabelled = torch.full((z.shape[1],), NO_LABEL, device=z.device)
    return apart_without(unlabelled if labels is None else labels)


def mean_or_zero(values: Tensor) -> Tensor:
    """The mean of all values; without values it is zero, with a gradient of zero."""
    return values.sum() / max(1, values.numel())


def mine_triplets(
    z: Tensor, labels: Tensor | None, *, margin: float, distance: Distance, mining: Mining
) -> tuple[Tensor, Tensor]:
    """The distances of each mined triplet's positive and negative from its anchor, (k,) each.

    The tally counts the triplets.

    Parameters
    ----------
    z : (v, n, d); for the cosine distance at any scale but zero.
    labels : (n,), or None: the views of an example are the positive pairs.
    margin : bounds the negatives of semi_hard.
    distance : cosine or euclidean.
    mining : all takes every anchor, positive and negative. semi_hard is the function of this name.
        hard takes for each anchor its farthest positive and its nearest negative (arXiv 1703.07737,
        eq. 5).

    Returns
    -------
    positive_distances, negative_distances : k is zero for a batch without positive or negative
        pairs.
    """
    mine = {"all": _all, "semi_hard": semi_hard, "hard": _hard}[mining]
    masks = pair_masks(z, labels)
    positive_distances, negative_distances = mine(pairwise_distances(z, distance), *masks, margin)
    tally.record_anchors(*(mask.sum(1) for mask in masks))
    tally.record_triplets(len(positive_distances))
    return positive_distances, negative_distances


def semi_hard(
    distances: Tensor, positive: Tensor, negative: Tensor, margin: float
) -> tuple[Tensor, Tensor]:
    """The distance of each positive pair, and of its nearest negative that is farther, (k,) each.

    The negative is farther by less than the margin; a pair without such a negative is left out. So
    embeddings that are all alike make no triplet, but for rounding. Source: arXiv 1503.03832,
    section 3.2.

    Parameters
    ----------
    distances : (m, m), as pairwise_distances returns them.
    positive, negative : (m, m) bool, as pair_masks returns them.
    margin : infinity allows all farther negatives.
    """
    anchors, _ = positive.nonzero(as_tuple=True)
    positive_distances, candidates = distances[positive], distances[anchors]
    excess = candidates - positive_distances[:, None]
    eligible = negative[anchors] & (excess > 0) & (excess < margin)
    has_negative = eligible.any(1)
    nearest = candidates.masked_fill(~eligible, math.inf).amin(1)
    return positive_distances[has_negative], nearest[has_negative]


def _all(
    distances: Tensor, positive: Tensor, negative: Tensor, margin: float
) -> tuple[Tensor, Tensor]:
    anchors, _ = positive.nonzero(as_tuple=True)
    candidates, eligible = distances[anchors], negative[anchors]
    positive_distances = distances[positive][:, None].expand_as(candidates)
    return positive_distances[eligible], candidates[eligible]


def _hard(
    distances: Tensor, positive: Tensor, negative: Tensor, margin: float
) -> tuple[Tensor, Tensor]:
    anchors = positive.any(1) & negative.any(1)
    farthest_positive = distances.masked_fill(~positive, -math.inf).amax(1)
    nearest_negative = distances.masked_fill(~negative, math.inf).amin(1)
    return farthest_positive[anchors], nearest_negative[anchors]
