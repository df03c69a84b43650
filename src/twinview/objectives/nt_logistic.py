"""NT-Logistic: is this the other view? (SimCLR, arXiv 2002.05709, tables 2 and 4)."""

import math
from typing import Annotated, Literal

import torch
from annotated_types import Gt
from torch import Tensor
from torch.nn.functional import logsigmoid

from twinview.core import declare
from twinview.core.errors import ConfigError
from twinview.core.types import PairLabels
from twinview.learning import pair_mining, tally


def nt_logistic(
    z: Tensor,
    labels: Tensor | PairLabels | None,
    *,
    temperature: Annotated[float, Gt(0)],
    mining: Literal["all", "semi_hard"],
) -> Tensor:
    """The mean logistic loss of positive pairs plus that of negative pairs.

    A kind without pairs adds zero. Orthogonal embeddings cost 2 log 2. Embeddings that are all
    alike have no semi-hard negatives and cost little then. The loss is invariant under the order
    of examples and under rotation. It keeps (vn, vn) numbers, and (positive pairs, vn) for
    semi_hard.

    Parameters
    ----------
    z : (v, n, d), at any scale but zero.
    labels : (n,), pairs with the same label are positive; None: the views of an example are.
        PairLabels: the views z[0, i] and z[1, i] are the only pairs, and all of them have one
        mean.
    temperature : divides the cosines. SimCLR tuned it and gives no value.
    mining : all negatives, or for each positive pair the semi_hard one (pair_mining.semi_hard
        without a margin). SimCLR reaches 51.6 % with all and 57.9 % with semi_hard.

    Raises
    ------
    ConfigError : mining is semi_hard, and labels are PairLabels.
    """
    if isinstance(labels, PairLabels):
        return _of_pairs(
            1 - pair_mining.distances_across_views(z, "cosine"), labels.values, temperature, mining
        )
    distances = pair_mining.pairwise_distances(z, "cosine")
    masks = pair_mining.pair_masks(z, labels)
    tally.record_anchors(*(mask.sum(1) for mask in masks))
    positive, negative = (distances[mask] for mask in masks)
    if mining == "semi_hard":
        _, negative = pair_mining.semi_hard(distances, *masks, math.inf)
        tally.record_triplets(len(negative))
    similar, dissimilar = (1 - positive) / temperature, (negative - 1) / temperature
    positive_loss = -pair_mining.mean_or_zero(logsigmoid(similar))
    return positive_loss - pair_mining.mean_or_zero(logsigmoid(dissimilar))


DECLARES = declare.Objective(
    positives=("views", "classes", "pairs"),
    negatives=lambda n, alike, options: 2 * (n - alike),
    many_views=True,
    quick={"mining": "all"},
)


def _of_pairs(cosines: Tensor, positive: Tensor, temperature: float, mining: str) -> Tensor:
    if mining != "all":
        raise ConfigError.at(
            "objectives.nt_logistic.mining",
            f"is {mining!r}, but labelled pairs leave no negatives to choose from",
            "set it to all",
        )
    tally.record_anchors(positive, ~positive)
    return -logsigmoid(torch.where(positive, cosines, -cosines) / temperature).mean()
