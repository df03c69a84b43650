"""Additive Gaussian noise with a random standard deviation for each picture."""

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
    """Pictures plus independent normal numbers, clamped to [0, 1].

    Parameters
    ----------
    x : (n, c, h, w) in [0, 1].
    draws : the random numbers of the n pictures.
    strength : the range of the noise's standard deviation; it is uniform in the range. Noise is in
        SimCLR's ablation (arXiv 2002.05709, figure 5), and not in its chain.
    """
    deviation = draws.uniform(1, 1, 1, low=strength[0], high=strength[1])
    return (deviation * draws.normal(*x.shape[1:])).add_(x).clamp_(0, 1)


DECLARES = declare.Augmentation(modality="image")
