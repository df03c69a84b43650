"""Triplet loss: nearer to the positive than to the negative, by a margin (FaceNet, 1503.03832)."""

from typing import Annotated

from annotated_types import Gt
from torch import Tensor

from twinview.core import declare
from twinview.learning import pair_mining
from twinview.settings.ranges import Distance, Mining


def triplet(
    z: Tensor,
    labels: Tensor | None,
    *,
    margin: Annotated[float, Gt(0)],
    distance: Distance,
    mining: Mining,
) -> Tensor:
    """Mean over the mined triplets of max(0, margin + distance to positive - that to negative).

    z: (v, n, d); any scale but zero for cosine. labels: (n,), the same label is a positive; None:
    the views of an example are. No triplet costs zero; tally hears how many there are.
    All embeddings alike cost the margin; under semi_hard zero, since none is farther. Blind to
    order and rotation. Keeps (vn, vn) numbers; but for hard, (positive pairs, vn). FaceNet:
    semi_hard, margin .2 on squared distances of unit vectors, which is cosine with .1, doubled.
    Hermans et al. (1703.07737): hard, euclidean, margin .1 to 1; all is their L_BA.
    """
    near, far = pair_mining.triplets(z, labels, margin=margin, distance=distance, mining=mining)
    return pair_mining.mean((margin + near - far).relu())


DECLARES = declare.Objective(
    positives=("views", "classes"),
    negatives=lambda n, alike, options: 2 * (n - alike),
    quick={"margin": 1.0, "mining": "all"},
)
