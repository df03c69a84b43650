"""Alignment and uniformity on the sphere, optimised directly (arXiv 2005.10242, section 4)."""

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
    """Mean distance ** power of positive pairs, plus the weighted log of the mean potential.

    z: (v, n, d), n > 1, any scale but zero. labels: (n,), the same label is a positive pair; None:
    the views of an example are; no positive pair adds zero (tally hears of it). The potential
    of two examples in a view is exp(-concentration |x - y|^2). All alike cost 0, and orthogonal
    embeddings 2 ** (power / 2) - 2 concentration uniformity_weight, which may be negative. Blind
    to order and rotation. Keeps (vn, vn) bools; potentials come in tiles. The paper: power 2
    (alpha), concentration 2 (t); weights .98 and .96 (STL-10), that is .98; 3 and 1 with t 3
    (ImageNet subset), that is .333.
    """
    unit = log_sum_exp.unit(z)
    uniformity = torch.stack([_uniformity(view, concentration) for view in unit]).mean()
    return _alignment(unit, labels, power) + uniformity_weight * uniformity


DECLARES = declare.Objective(
    positives=("views", "classes"),
    negatives=lambda n, alike, options: n - 1,
    quick={"uniformity_weight": 0.5},
)


def _alignment(unit: Tensor, labels: Tensor | None, power: float) -> Tensor:
    positive, _ = pair_mining.masks(unit, labels)
    count = positive.sum(1)
    tally.tell_anchors(count, torch.full_like(count, unit.shape[1] - 1))
    first, second = positive.triu().nonzero(as_tuple=True)
    rows = unit.flatten(0, 1)
    apart = torch.linalg.vector_norm(rows[first] - rows[second], dim=1)
    return pair_mining.mean(apart.pow(power))


def _uniformity(unit: Tensor, concentration: float) -> Tensor:
    """|x - y|^2 = 2 - 2 x . y makes the potential a sum that comes in tiles."""
    potentials = log_sum_exp.log_sum_exp_of_others(unit, 1 / (2 * concentration))
    n = len(unit)
    return potentials.logsumexp(0) - math.log(n * (n - 1)) - 2 * concentration
