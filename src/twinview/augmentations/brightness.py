"""Brightness jitter: every pixel of a picture times one random factor."""

from typing import Annotated

from annotated_types import Gt, Le
from torch import Tensor

from twinview.core import declare
from twinview.core.randomness import Draws
from twinview.pictures.colour import factors


def brightness(x: Tensor, draws: Draws, *, strength: Annotated[float, Gt(0), Le(1)]) -> Tensor:
    """Pictures times a factor that is uniform in [1 - strength, 1 + strength], cut to [0, 1].

    x: (n, c, h, w) in [0, 1]. SimCLR: .8, CIFAR-10 .4.
    """
    return (x * factors(draws, strength)).clamp_(0, 1)


DECLARES = declare.Augmentation(modality="image")
