"""Additive Gaussian noise of a random strength for each picture."""

from typing import Annotated

from annotated_types import Ge, Le
from torch import Tensor

from twinview.core import declare
from twinview.core.randomness import Draws
from twinview.settings.ranges import RISING

Deviation = Annotated[float, Ge(0), Le(1)]


def noise(
    x: Tensor, draws: Draws, *, strength: Annotated[tuple[Deviation, Deviation], RISING]
) -> Tensor:
    """Pictures plus independent normal numbers, cut to [0, 1].

    x: (n, c, h, w) in [0, 1]. strength: the noise's deviation, uniform between the two for each
    picture. In SimCLR's ablation (arXiv 2002.05709, figure 5), not in its chain.
    """
    deviation = draws.uniform(1, 1, 1, low=strength[0], high=strength[1])
    return (deviation * draws.normal(*x.shape[1:])).add_(x).clamp_(0, 1)


DECLARES = declare.Augmentation(modality="image")
