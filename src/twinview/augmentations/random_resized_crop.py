"""Random resized crop (Szegedy et al., arXiv 1409.4842): a random window, resized to the whole."""

import math

import torch
from torch import Tensor

from twinview.ranges import PositiveRange, ShareRange
from twinview.seeds import Draws
from twinview.warp import warp


def random_resized_crop(
    x: Tensor, draws: Draws, *, scale: ShareRange, ratio: PositiveRange
) -> Tensor:
    """Windows of the pictures, each resized to the whole size by bilinear interpolation.

    x: (n, c, h, w) in [0, 1]. scale: the window's share of the area, uniform between the two.
    ratio: its width over height in pixels, log-uniform between the two; where such a window would
    leave the picture, the nearest ratio that fits. SimCLR: scale (.08, 1), ratio (3/4, 4/3).
    """
    first, last = math.log(ratio[0]), math.log(ratio[1])
    low = torch.tensor([scale[0], first, -1, -1])
    drawn = torch.addcmul(low, draws.uniform(4), torch.tensor([scale[1], last, 1, 1]) - low)
    area, shape = drawn[:, 0], torch.exp(drawn[:, 1]) * (x.shape[2] / x.shape[3])
    # Clamping the shape, not the sides, keeps the area: width = 1 at 1 / area, height = 1 at area.
    width = torch.sqrt(area * shape.clamp(area, 1 / area))
    sides = torch.stack([width, area / width], dim=1)
    theta = torch.cat([torch.diag_embed(sides), (drawn[:, 2:] * (1 - sides))[:, :, None]], dim=2)
    # Up to half a pixel of an enlarged edge lies outside: black would frame most crops.
    return warp(x, theta, "border")
