"""Contrast jitter: every pixel's distance from the mean grey times one random factor."""

from typing import Annotated

import torch
from annotated_types import Gt, Le
from torch import Tensor

from twinview.core import declare
from twinview.core.randomness import Draws
from twinview.pictures.colour import blend, factors, grey_of


def contrast(x: Tensor, draws: Draws, *, strength: Annotated[float, Gt(0), Le(1)]) -> Tensor:
    """Pictures blended with their mean grey by a factor in [1 - strength, 1 + strength].

    x: (n, c, h, w) in [0, 1]. SimCLR: .8, CIFAR-10 .4. As torchvision's adjust_contrast.
    """
    return blend(x, _mean(grey_of(x)), factors(draws, strength))


DECLARES = declare.Augmentation(modality="image")


def _mean(grey: Tensor) -> Tensor:
    """(n, 1, 1, 1): the mean of each (n, 1, h, w) picture, to 24 bits."""
    # Whole numbers add up exactly in any order; floats would depend on batch and threads.
    whole = (grey * 2**24).round_().to(torch.float64)
    mean = whole.sum(dim=(1, 2, 3), keepdim=True) / (2**24 * grey[0].numel())
    return mean.to(grey.dtype)
