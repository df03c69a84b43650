"""Hue jitter: all colours of a picture turned around the colour circle by one random angle."""

from typing import Annotated

import torch
from annotated_types import Gt, Le
from torch import Tensor

from twinview.seeds import Draws


def hue(x: Tensor, draws: Draws, *, strength: Annotated[float, Gt(0), Le(0.5)]) -> Tensor:
    """Pictures whose hue moved by a part of the circle that is uniform in [-strength, strength].

    x: (n, c, h, w) in [0, 1]; one channel has no hue and comes back as it is. Keeps each pixel's
    value and saturation (HSV). SimCLR: .2, CIFAR-10 .1. As torchvision's adjust_hue.
    """
    if x.shape[1] == 1:
        return x
    value, chroma, sextant = _hsv(x)
    sextant += 6 * draws.uniform(1, 1, 1, low=-strength, high=strength)
    # A channel falls from the value by a trapezoid of the way to its own place on the circle.
    way = sextant + x.new_tensor([5, 3, 1]).reshape(1, 3, 1, 1)
    way -= (way / 6).floor_().mul_(6)
    return value - torch.minimum(way, 4 - way).clamp_(0, 1).mul_(chroma)


def _hsv(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Each (n, 1, h, w): the largest channel, its lead on the smallest, the hue in [-1, 5]."""
    red, green, blue = x.chunk(3, dim=1)
    value = torch.maximum(torch.maximum(red, green), blue)
    chroma = value - torch.minimum(torch.minimum(red, green), blue)
    # Grey has no hue: any divisor will do there, since all differences are zero.
    divisor = torch.where(chroma == 0, 1, chroma)
    near_blue = 4 + (red - green) / divisor
    near_green = torch.where(value == green, 2 + (blue - red) / divisor, near_blue)
    return value, chroma, torch.where(value == red, (green - blue) / divisor, near_green)
