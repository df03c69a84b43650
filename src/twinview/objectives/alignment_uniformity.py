"""Alignment and uniformity on the sphere (Wang and Isola, arXiv 2005.10242, section 4)."""

import math
from typing import Annotated

import torch
from annotated_types import Ge, Gt
from torch import Tensor

from twinview.core import declare
from twinview.learning import log_sum_exp, pair_mining, tally


def alignment_uniformity(
    z: Tensor,
    labels: Tensor | None,
    *,
    power: Annotated[float, Ge(1)],
    concentration: Annotated[float, Gt(0)],
    uniformity_weight: Annotated[float, Ge(0)],
) -> Tensor:
    """The mean of distance ** power over positive pairs, plus the weighted uniformity.

    The uniformity is the log of the mean of exp(-concentration |x - y|^2) over pairs of different
    examples of a view. Embeddings that are all alike cost 0, and orthogonal ones 2 ** (power / 2)
    - 2 concentration uniformity_weight, which may be negative. The loss is invariant under the
    order of examples and under rotation. It keeps (vn, vn) bools; the potentials are computed in
    tiles.

    Parameters
    ----------
    z : (v, n, d), n > 1, at any scale but zero.
    labels : (n,), pairs with the same label are positive; None: the views of an example are. A
        batch without positive pairs has alignment 0, and the tally counts it.
    power : the paper's alpha; it uses 2, and 3 on an ImageNet subset.
    concentration : the paper's t; it uses 2, and 3 on an ImageNet subset.
    uniformity_weight : relative to the alignment. The paper's weights are .98 and .96 for STL-10, a
        ratio of .98, and for an ImageNet subset .333.
    """
    unit = log_sum_exp.normalise(z)
    uniformity = torch.stack([_uniformity(view, concentration) for view in unit]).mean()
    return _alignment(unit, labels, power) + uniformity_weight * uniformity


DECLARES = declare.Objective(
    positives=("views", "classes"),
    negatives=lambda n, alike, options: n - 1,
    many_views=True,
    quick={"uniformity_weight": 0.5},
)


def _alignment(unit: Tensor, labels: Tensor | None, power: float) -> Tensor:
    """The mean of distance ** power over positive pairs."""
    positive, _ = pair_mining.pair_masks(unit, labels)
    count = positive.sum(1)
    tally.record_anchors(count, torch.full_like(count, unit.shape[1] - 1))
    first, second = positive.triu().nonzero(as_tuple=True)
    rows = unit.flatten(0, 1)
    distances = torch.linalg.vector_norm(rows[first] - rows[second], dim=1)
    return pair_mining.mean_or_zero(distances.pow(power))


def _uniformity(unit: Tensor, concentration: float) -> Tensor:
    """The log of the mean potential over pairs of different embeddings (n, d).

    Since |x - y|^2 = 2 - 2 x . y, it is a log-sum-exp of products, which is computed in tiles.
    """
    potentials = log_sum_exp.log_sum_exp_of_others(unit, 1 / (2 * concentration))
    n = len(unit)
    return potentials.logsumexp(0) - math.log(n * (n - 1)) - 2 * concentration
