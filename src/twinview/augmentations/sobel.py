"""Sobel filter: how steep each channel is, in place of the picture."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from twinview.core import declare
from twinview.core.randomness import Draws

# The largest gradient that pixels in [0, 1] can have is (4, 2): a step edge reaches .894.
STEEPEST = math.hypot(4, 2)


def sobel(x: Tensor, draws: Draws) -> Tensor:
    """The length of each channel's Sobel gradient over the largest possible, sqrt(20).

    x: (n, c, h, w) in [0, 1]; the outer pixels count as repeated beyond the edge. Draws nothing.
    In SimCLR's ablation (arXiv 2002.05709, figure 5), not in its chain.
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
