"""Hue jitter: all colours of a picture turned around the colour circle by one random angle."""

from typing import Annotated

import torch
from annotated_types import Gt, Le
from torch import Tensor

from twinview.core import declare
from twinview.core.randomness import Draws


def hue(x: Tensor, draws: Draws, *, strength: Annotated[float, Gt(0), Le(0.5)]) -> Tensor:
    """Pictures whose hue moved by a part of the circle that is uniform in [-strength, strength].

    x: (n, c, h, w) in [0, 1]; one channel has no hue and comes back as it is. Keeps each pixel's
    value and saturation (HSV). SimCLR: .2, CIFAR-10 .1. As torchvision's adjust_hue.
    """
    if x.shape[1] == 1:
        return x
    value, chroma, place = _hsv(x)
    place += 6 * draws.uniform(1, 1, 1, low=-strength, high=strength) + 3
    place.sub_((place / 6).round_(), alpha=6)
    # A channel falls from the value by how far its own place is away: nothing up to one sextant,
    # all of the chroma from two on. Red's place is 3 and -3, green's is -1, blue's is 1.
    turned = torch.empty_like(x)
    for channel, own in zip(turned.unbind(1), (0, -1, 1), strict=True):
        torch.sub(place[:, 0], own, out=channel).abs_()
    red = turned[:, :1]
    red.neg_().add_(3)
    turned.sub_(1).clamp_(0, 1)
    return torch.addcmul(value, turned, chroma, value=-1, out=turned)


DECLARES = declare.Augmentation(
    modality="image",
    needs_colour=True,
)


def _hsv(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Each (n, 1, h, w): the largest channel, its lead on the smallest, the hue in [-3, 3]."""
    red, green, blue = x.chunk(3, dim=1)
    value, least = torch.maximum(green, blue), torch.minimum(green, blue)
    torch.maximum(value, red, out=value)
    chroma = value - torch.minimum(least, red, out=least)
    # How far from red, 0 to 3, has slope 1 / 2 in its outer thirds and 1 in between.
    lead = (green + blue).sub_(red, alpha=2)
    # Grey has no hue: any divisor will do there, since all differences are zero.
    lead.div_(chroma.clamp(min=1e-12))
    distance = (lead + 1.5).sub_(lead.clamp_(-1, 1), alpha=0.5)
    return value, chroma, torch.copysign(distance, green - blue, out=distance)
