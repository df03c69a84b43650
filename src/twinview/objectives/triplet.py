"""Triplet loss: the positive is nearer than the negative by a margin (FaceNet, 1503.03832)."""

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
    """The mean over mined triplets of max(0, margin + positive distance - negative distance).

    A batch without triplets costs zero; the tally counts triplets. Embeddings that are all alike
    cost the margin, and zero under semi_hard, since no negative is farther. The loss is invariant
    under the order of examples and under rotation. It keeps (vn, vn) numbers, and (positive pairs,
    vn) unless mining is hard.

    Parameters
    ----------
    z : (v, n, d); for the cosine distance at any scale but zero.
    labels : (n,), embeddings with the same label are positives; None: the views of an example are.
    margin : FaceNet uses .2 on squared distances of unit vectors, which is .1 for cosine with the
        loss doubled. Hermans et al. (1703.07737) use .1 to 1.
    distance : cosine, as in FaceNet, or euclidean, as in Hermans et al.
    mining : semi_hard, as in FaceNet; hard, as in Hermans et al.; or all, which is their L_BA.
    """
    positive, negative = pair_mining.mine_triplets(
        z, labels, margin=margin, distance=distance, mining=mining
    )
    return pair_mining.mean_or_zero((margin + positive - negative).relu())


DECLARES = declare.Objective(
    positives=("views", "classes"),
    negatives=lambda n, alike, options: 2 * (n - alike),
    many_views=True,
    quick={"margin": 1.0, "mining": "all"},
)
