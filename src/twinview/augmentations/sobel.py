"""Sobel filter: each channel is replaced by the length of its gradient."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from twinview.core import declare
from twinview.core.randomness import Draws

# The largest gradient of pixels in [0, 1] is (4, 2). A step edge reaches .894 of its length.
STEEPEST = math.hypot(4, 2)


def sobel(x: Tensor, draws: Draws) -> Tensor:
    """The length of each channel's Sobel gradient, divided by the largest possible one, sqrt(20).

    x: (n, c, h, w) in [0, 1]; the outer pixels are repeated beyond the edge. It draws no random
    numbers. It is in SimCLR's ablation (arXiv 2002.05709, figure 5), and not in its chain.
    """
    wide = F.pad(x, (1, 1, 1, 1), mode="replicate")
    tall = wide[..., :-2, :] + 2 * wide[..., 1:-1, :] + wide[..., 2:, :]
    broad = wide[..., :-2] + 2 * wide[..., 1:-1] + wide[..., 2:]
    across = tall[..., 2:] - tall[..., :-2]
    down = broad[..., 2:, :] - broad[..., :-2, :]
    return torch.sqrt(across.square_().add_(down.square_())).div_(STEEPEST).clamp_(0, 1)


DECLARES = declare.Augmentation(
    modality="image",
    opts_out={"draws": "a function of the picture"},
)
