"""Hue jitter: all colours of a picture are turned around the colour circle by a random angle."""

from typing import Annotated

import torch
from annotated_types import Gt, Le
from torch import Tensor

from twinview.core import declare
from twinview.core.randomness import Draws


def hue(x: Tensor, draws: Draws, *, strength: Annotated[float, Gt(0), Le(0.5)]) -> Tensor:
    """Pictures with another hue, as by torchvision's adjust_hue; value and saturation (HSV) stay.

    Parameters
    ----------
    x : (n, c, h, w) in [0, 1]; pictures of one channel have no hue and do not change.
    draws : the random numbers of the n pictures.
    strength : the hue moves by a part of the circle that is uniform in [-strength, strength].
        SimCLR
        uses .2, and .1 for CIFAR-10.
    """
    if x.shape[1] == 1:
        return x
    value, chroma, angle = _hsv(x)
    angle += 6 * draws.uniform(1, 1, 1, low=-strength, high=strength) + 3
    angle.sub_((angle / 6).round_(), alpha=6)
    # A channel is lower than the value by a part of the chroma: by nothing up to a distance of one
    # sextant from the channel's position, and by all from two on. Red's position is 3 and -3,
    # green's is -1, blue's is 1.
    turned = torch.empty_like(x)
    for channel, position in zip(turned.unbind(1), (0, -1, 1), strict=True):
        torch.sub(angle[:, 0], position, out=channel).abs_()
    red = turned[:, :1]
    red.neg_().add_(3)
    turned.sub_(1).clamp_(0, 1)
    return torch.addcmul(value, turned, chroma, value=-1, out=turned)


DECLARES = declare.Augmentation(
    modality="image",
    needs_colour=True,
)


def _hsv(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The value, the chroma and the hue of each pixel: (n, 1, h, w) each.

    The value is the largest channel, the chroma is the value minus the smallest channel, and the
    hue is in [-3, 3].
    """
    red, green, blue = x.chunk(3, dim=1)
    value, least = torch.maximum(green, blue), torch.minimum(green, blue)
    torch.maximum(value, red, out=value)
    chroma = value - torch.minimum(least, red, out=least)
    # The distance from red, 0 to 3, has slope 1 / 2 in the outer thirds and 1 between them.
    lead = (green + blue).sub_(red, alpha=2)
    # Grey has no hue. Any divisor will do there, since all differences are zero.
    lead.div_(chroma.clamp(min=1e-12))
    distance = (lead + 1.5).sub_(lead.clamp_(-1, 1), alpha=0.5)
    return value, chroma, torch.copysign(distance, green - blue, out=distance)
