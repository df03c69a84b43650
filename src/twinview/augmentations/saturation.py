"""Saturation jitter: the distance of all pixels from their grey is scaled by a random factor."""

from typing import Annotated

from annotated_types import Gt, Le
from torch import Tensor

from twinview.core import declare
from twinview.core.randomness import Draws
from twinview.pictures.colour import blend, luma, random_factors


def saturation(x: Tensor, draws: Draws, *, strength: Annotated[float, Gt(0), Le(1)]) -> Tensor:
    """Pictures blended with their grey version, as by torchvision's adjust_saturation.

    Parameters
    ----------
    x : (n, c, h, w) in [0, 1]; pictures of one channel have no saturation and do not change.
    draws : the random numbers of the n pictures.
    strength : the factor is uniform in [1 - strength, 1 + strength]. SimCLR uses .8, and .4 for
        CIFAR-10.
    """
    if x.shape[1] == 1:
        return x
    return blend(x, luma(x), random_factors(draws, strength))


DECLARES = declare.Augmentation(
    modality="image",
    needs_colour=True,
)
