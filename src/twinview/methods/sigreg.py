"""SIGReg: views agree, and embeddings are normally distributed (LeJEPA, arXiv 2511.08544)."""

import math
from functools import partial
from typing import Annotated

import torch
import torch.nn.functional as F
from annotated_types import Ge, Gt, Lt
from torch import Tensor, nn

from twinview.compute import processes
from twinview.core import declare
from twinview.learning import log_sum_exp
from twinview.learning.parts import Method, Siamese

# Characteristic functions are compared at 17 points from -5 to 5 (the paper's listing). Both sides
# of 0 have the same differences, so that the 9 points from 0 on are enough.
LAST_POINT, POINTS = 5.0, 9


def sigreg(
    encoder: nn.Module,
    head: nn.Module,
    *,
    views: Annotated[int, Ge(2)],
    slices: Annotated[int, Ge(1)],
    normality_weight: Annotated[float, Gt(0), Lt(1)],
) -> Method:
    """Trains views to agree, and their embeddings to be normally distributed.

    The loss is (1 - normality_weight) times the mean squared distance of a view's embedding from
    the mean over views, plus normality_weight times SIGReg: the Epps-Pulley statistic of the
    embeddings along random directions (slices). Nothing is normalised. There are no negatives,
    there is no slow copy, and gradients stop nowhere. A collapse costs .41 normality_weight for
    each example of a batch.

    Parameters
    ----------
    encoder, head : as in learning.parts.Method.
    views : how many views of each example are encoded. LeJEPA uses 2 and small crops besides, which
        this method has not; the minimal example of its code uses 4 views.
    slices : how many directions are drawn anew in each step. LeJEPA's listing uses 256.
    normality_weight : the paper's lambda, for batches of about 256 examples, since the statistic
        of a collapse grows with the batch. LeJEPA uses .05, the minimal example .02.
    """
    loss = partial(_loss, slices=slices, normality_weight=normality_weight)
    chance = _chance(views, normality_weight)
    return Siamese(encoder, head, loss, chance=lambda n: chance, views=views)


DECLARES = declare.Method(
    negatives=None,
    opts_out={
        "negatives": "it compares the batch with a distribution",
        "chance": "a collapse costs more; chance is unrelated normally distributed embeddings",
    },
)


def _loss(z: Tensor, labels: object, slices: int, normality_weight: float) -> Tensor:
    """The loss of embeddings (v, n, d). Directions are those that the first process draws."""
    z = log_sum_exp.upcast(z)
    distance = (z - z.mean(0)).square().mean()
    drawn = processes.broadcast(torch.randn(slices, z.shape[2]))
    statistics = _epps_pulley(z @ F.normalize(drawn.to(z), dim=1).T)
    return (1 - normality_weight) * distance + normality_weight * statistics.mean()


def _epps_pulley(x: Tensor) -> Tensor:
    """How far the values of n examples are from a standard normal distribution: (v, s).

    It is n times the integral over t of exp(-t^2 / 2) and the squared difference of the
    characteristic functions at t, by the trapezoidal rule (Epps and Pulley 1983, doi
    10.1093/biomet/70.3.723). x: (v, n, s). It keeps some (v, n, s, 9) numbers for the gradient.
    """
    t = torch.linspace(0, LAST_POINT, POINTS).to(x)
    normal = (-t.square() / 2).exp()  # the characteristic function, and the weight
    angles = x[..., None] * t
    squared = (angles.cos().mean(1) - normal).square() + angles.sin().mean(1).square()
    return 2 * x.shape[1] * torch.trapezoid(squared * normal, t)


def _chance(views: int, normality_weight: float) -> float:
    """The loss of independent standard normal embeddings: the expectation, for any batch size."""
    statistic = math.sqrt(2 * math.pi) * (1 - 1 / math.sqrt(3))
    return (1 - normality_weight) * (1 - 1 / views) + normality_weight * statistic
