"""NT-Logistic: is this the other view, yes or no? (SimCLR, arXiv 2002.05709, tables 2 and 4)."""

import math
from typing import Annotated, Literal

import torch
from annotated_types import Gt
from torch import Tensor
from torch.nn.functional import logsigmoid

from twinview.core import declare
from twinview.core.errors import ConfigError
from twinview.core.types import Alike
from twinview.learning import pair_mining, tally


def nt_logistic(
    z: Tensor,
    labels: Tensor | Alike | None,
    *,
    temperature: Annotated[float, Gt(0)],
    mining: Literal["all", "semi_hard"],
) -> Tensor:
    """Mean logistic loss of calling positive pairs positive, plus that of negative pairs negative.

    z: (v, n, d), any scale but zero. labels: (n,), the same label is positive; None: the views of
    an example are. mining: which negatives count, all or for each positive pair the semi_hard one
    (distances.semi_hard, without a margin). Each kind of pair has its own mean, zero if there is
    none. Orthogonal embeddings cost 2 log 2. Embeddings that are all alike have no semi_hard
    negative, and cost little then. Blind to order and rotation. Keeps (vn, vn) numbers; for
    semi_hard (positive pairs, vn). SimCLR: temperature tuned, no value given; 51.6 % all, 57.9 %
    semi_hard. Alike: the two views of a place are a pair, there is no other, and all pairs have one
    mean; raises ConfigError for semi_hard then.
    """
    if isinstance(labels, Alike):
        return _of_pairs(1 - pair_mining.across(z, "cosine"), labels.values, temperature, mining)
    apart, kinds = pair_mining.between(z, "cosine"), pair_mining.masks(z, labels)
    tally.tell_anchors(*(kind.sum(1) for kind in kinds))
    near, far = (apart[kind] for kind in kinds)
    if mining == "semi_hard":
        _, far = pair_mining.semi_hard(apart, *kinds, math.inf)
        tally.tell_triplets(len(far))
    yes, no = (1 - near) / temperature, (far - 1) / temperature
    return -pair_mining.mean(logsigmoid(yes)) - pair_mining.mean(logsigmoid(no))


DECLARES = declare.Objective(
    positives=("views", "classes", "pairs"),
    negatives=lambda n, alike, options: 2 * (n - alike),
    quick={"mining": "all"},
)


def _of_pairs(cosines: Tensor, alike: Tensor, temperature: float, mining: str) -> Tensor:
    if mining != "all":
        raise ConfigError(
            f"objectives.nt_logistic.mining: is {mining!r}, and labelled pairs leave nothing to "
            "choose from; set it to all"
        )
    tally.tell_anchors(alike, ~alike)
    return -logsigmoid(torch.where(alike, cosines, -cosines) / temperature).mean()
