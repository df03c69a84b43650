"""Affine warps of whole batches, for the geometric augmentations and for small crops."""

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

    Parameters
    ----------
    x : (n, c, h, w) in [0, 1].
    drawn : (n, 4) in [0, 1]: where area, ratio and position of the window lie in their ranges.
    scale : the range of the window's share of the picture's area.
    ratio : the range of the window's width over its height, in pixels.
    side : the shorter side of the result, in pixels; the longer side keeps the picture's
        proportions.

    Returns
    -------
    Pictures (n, c, h', w') in [0, 1]. augmentations.random_resized_crop describes the
        distribution.
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
    """Pictures warped by affine maps, with bilinear interpolation.

    Parameters
    ----------
    x : (n, c, h, w) in [0, 1].
    theta : (n, 2, 3), maps output to input coordinates; -1 and 1 are the picture's edges, and not
        the middles of its outer pixels.
    outside : the value of pixels outside of the picture: black ("zeros"), or that of the nearest
        pixel
        ("border").
    size : (h', w') of the result, in pixels.

    Returns
    -------
    Pictures (n, c, h', w') in [0, 1].
    """
    # These are broadcast sums, since the matrix product of affine_grid may round differently in
    # another batch.
    right, down, shift = theta[:, :, :, None, None].unbind(2)
    across = torch.addcmul(shift, right, _middles(size[1], x))
    grid = across + down * _middles(size[0], x)[:, None]
    warped = F.grid_sample(
        x, grid.movedim(1, -1), mode="bilinear", padding_mode=outside, align_corners=False
    )
    return warped.clamp_(0, 1)


def _middles(side: int, x: Tensor) -> Tensor:
    """The coordinates of the middles of pixels along a side from -1 to 1, in the type of x."""
    return torch.arange(1 - side, side, 2, dtype=x.dtype, device=x.device).div_(side)
