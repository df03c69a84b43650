"""Affine warps of whole batches, shared by the geometric augmentations and small crops."""

import math
from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor


def crop(
    x: Tensor, drawn: Tensor, scale: Sequence[float], ratio: Sequence[float], side: int
) -> Tensor:
    """Windows of the pictures, each resized by bilinear interpolation.

    x: (n, c, h, w) in [0, 1]. drawn: (n, 4), in [0, 1]: how far along their ranges area, ratio and
    place are. scale, ratio: augmentations.random_resized_crop says what. side: the shorter one of
    what comes out, in pixels; the longer one keeps the picture's proportions.
    """
    first, last = math.log(ratio[0]), math.log(ratio[1])
    low = torch.tensor([scale[0], first, -1, -1])
    chosen = torch.addcmul(low, drawn, torch.tensor([scale[1], last, 1, 1]) - low)
    area, shape = chosen[:, 0], torch.exp(chosen[:, 1]) * (x.shape[2] / x.shape[3])
    # Clamping the shape, not the sides, keeps the area: width = 1 at 1 / area, height = 1 at area.
    width = torch.sqrt(area * shape.clamp(area, 1 / area))
    sides = torch.stack([width, area / width], dim=1)
    theta = torch.cat([torch.diag_embed(sides), (chosen[:, 2:] * (1 - sides))[:, :, None]], dim=2)
    size = [round(length * side / min(x.shape[2:])) for length in x.shape[2:]]
    # Up to half a pixel of an enlarged edge lies outside: black would frame most crops.
    return warp(x, theta, "border", size)


def warp(
    x: Tensor, theta: Tensor, outside: Literal["zeros", "border"], size: Sequence[int]
) -> Tensor:
    """Pictures in [0, 1] seen through affine maps, by bilinear interpolation.

    x: (n, c, h, w). theta: (n, 2, 3), from output to input coordinates, where -1 and 1 are the
    picture's edges (not the middles of its outer pixels). outside: black, or the nearest pixel.
    size: (h, w) of what comes out.
    """
    # Broadcast sums and not affine_grid, whose matrix product may round otherwise in another batch.
    right, down, shift = theta[:, :, :, None, None].unbind(2)
    across = torch.addcmul(shift, right, _middles(size[1], x))
    grid = across + down * _middles(size[0], x)[:, None]
    seen = F.grid_sample(
        x, grid.movedim(1, -1), mode="bilinear", padding_mode=outside, align_corners=False
    )
    return seen.clamp_(0, 1)


def _middles(side: int, x: Tensor) -> Tensor:
    """Where the middles of the pixels are along a side that runs from -1 to 1; of x's type."""
    return torch.arange(1 - side, side, 2, dtype=x.dtype, device=x.device).div_(side)
