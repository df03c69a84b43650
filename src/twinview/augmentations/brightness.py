"""Brightness jitter: all pixels of a picture are multiplied by one random factor."""

from typing import Annotated

from annotated_types import Gt, Le
from torch import Tensor

from twinview.core import declare
from twinview.core.randomness import Draws
from twinview.pictures.colour import random_factors


def brightness(x: Tensor, draws: Draws, *, strength: Annotated[float, Gt(0), Le(1)]) -> Tensor:
    """Pictures times a factor that is uniform in [1 - strength, 1 + strength], clamped to [0, 1].

    Parameters
    ----------
    x : (n, c, h, w) in [0, 1].
    draws : the random numbers of the n pictures.
    strength : SimCLR uses .8, and .4 for CIFAR-10.
    """
    return (x * random_factors(draws, strength)).clamp_(0, 1)


DECLARES = declare.Augmentation(modality="image")
