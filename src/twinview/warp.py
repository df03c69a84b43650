"""Affine warps of whole batches, shared by the geometric augmentations."""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor


def warp(x: Tensor, theta: Tensor, outside: Literal["zeros", "border"]) -> Tensor:
    """Pictures in [0, 1] seen through affine maps, by bilinear interpolation.

    x: (n, c, h, w). theta: (n, 2, 3), from output to input coordinates, where -1 and 1 are the
    picture's edges (not the middles of its outer pixels). outside: black, or the nearest pixel.
    """
    # Broadcast sums and not affine_grid, whose matrix product may round otherwise in another batch.
    right, down, shift = theta[:, :, :, None, None].unbind(2)
    across = torch.addcmul(shift, right, _middles(x, 3))
    grid = across + down * _middles(x, 2)[:, None]
    seen = F.grid_sample(
        x, grid.movedim(1, -1), mode="bilinear", padding_mode=outside, align_corners=False
    )
    return seen.clamp_(0, 1)


def _middles(x: Tensor, dim: int) -> Tensor:
    """Where the middles of the pixels are along a side that runs from -1 to 1."""
    size = x.shape[dim]
    return torch.arange(1 - size, size, 2, dtype=x.dtype, device=x.device).div_(size)
