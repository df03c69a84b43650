"""Contrast jitter: the distance of all pixels from the mean grey is scaled by a random factor."""

from typing import Annotated

import torch
from annotated_types import Gt, Le
from torch import Tensor

from twinview.core import declare
from twinview.core.randomness import Draws
from twinview.pictures.colour import blend, luma, random_factors


def contrast(x: Tensor, draws: Draws, *, strength: Annotated[float, Gt(0), Le(1)]) -> Tensor:
    """Pictures blended with their mean grey, as by torchvision's adjust_contrast.

    Parameters
    ----------
    x : (n, c, h, w) in [0, 1].
    draws : the random numbers of the n pictures.
    strength : the factor is uniform in [1 - strength, 1 + strength]. SimCLR uses .8, and .4 for
        CIFAR-10.
    """
    return blend(x, _mean(luma(x)), random_factors(draws, strength))


DECLARES = declare.Augmentation(modality="image")


def _mean(grey: Tensor) -> Tensor:
    """The mean (n, 1, 1, 1) of grey pictures (n, 1, h, w), to 24 bits."""
    # Sums of integers are exact in any order; sums of floats would depend on batch and threads.
    integers = (grey * 2**24).round_().to(torch.float64)
    mean = integers.sum(dim=(1, 2, 3), keepdim=True) / (2**24 * grey[0].numel())
    return mean.to(grey.dtype)
