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
    area = draws.uniform(low=scale[0], high=scale[1])
    shape = torch.exp(draws.uniform(low=math.log(ratio[0]), high=math.log(ratio[1])))
    # Clamping the shape, not the sides, keeps the area: width = 1 at 1 / area, height = 1 at area.
    shape = (shape * (x.shape[2] / x.shape[3])).clamp(area, 1 / area)
    width, height = torch.sqrt(area * shape), torch.sqrt(area / shape)
    zero = torch.zeros_like(width)
    across = draws.uniform(low=-1.0) * (1 - width)
    down = draws.uniform(low=-1.0) * (1 - height)
    theta = torch.stack([width, zero, across, zero, height, down], dim=1).reshape(-1, 2, 3)
    # Up to half a pixel of an enlarged edge lies outside: black would frame most crops.
    return warp(x, theta, "border")
