"""Saturation jitter: every pixel's distance from its own grey times one random factor."""

from typing import Annotated

from annotated_types import Gt, Le
from torch import Tensor

from twinview.core import declare
from twinview.core.randomness import Draws
from twinview.pictures.colour import blend, factors, grey_of


def saturation(x: Tensor, draws: Draws, *, strength: Annotated[float, Gt(0), Le(1)]) -> Tensor:
    """Pictures blended with their grey version by a factor in [1 - strength, 1 + strength].

    x: (n, c, h, w) in [0, 1]; one channel has no saturation and comes back as it is.
    SimCLR: .8, CIFAR-10 .4. As torchvision's adjust_saturation.
    """
    if x.shape[1] == 1:
        return x
    return blend(x, grey_of(x), factors(draws, strength))


DECLARES = declare.Augmentation(
    modality="image",
    needs_colour=True,
)
