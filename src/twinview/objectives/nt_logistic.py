"""NT-Logistic: is this the other view, yes or no? (SimCLR, arXiv 2002.05709, tables 2 and 4)."""

import math
from typing import Annotated, Literal

from annotated_types import Gt
from torch import Tensor
from torch.nn.functional import logsigmoid

from twinview import distances, tally


def nt_logistic(
    z: Tensor,
    labels: Tensor | None,
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
    semi_hard.
    """
    apart, kinds = distances.between(z, "cosine"), distances.masks(z, labels)
    tally.tell_anchors(*(kind.sum(1) for kind in kinds))
    near, far = (apart[kind] for kind in kinds)
    if mining == "semi_hard":
        _, far = distances.semi_hard(apart, *kinds, math.inf)
        tally.tell_triplets(len(far))
    yes, no = (1 - near) / temperature, (far - 1) / temperature
    return -distances.mean(logsigmoid(yes)) - distances.mean(logsigmoid(no))
