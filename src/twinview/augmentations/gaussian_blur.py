"""Gaussian blur with a random width for each picture (SimCLR, arXiv 2002.05709, appendix A)."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from twinview.ranges import PositiveRange, Share
from twinview.seeds import Draws


def gaussian_blur(x: Tensor, draws: Draws, *, sigma: PositiveRange, kernel: Share) -> Tensor:
    """Pictures blurred with a deviation that is uniform between the two of sigma.

    x: (n, c, h, w) in [0, 1]; mirrored at the edges. sigma: in pixels. kernel: the window's share
    of the shorter side, made odd, 3 pixels or more. SimCLR: sigma (.1, 2), kernel .1.
    """
    radius = max(1, int(kernel * min(x.shape[2:])) // 2)
    deviation = draws.uniform(1, 1, 1, low=sigma[0], high=sigma[1])
    taps = [torch.exp(-((place / deviation) ** 2) / 2) for place in range(radius + 1)]
    total = taps[0] + 2 * sum(taps[1:])
    taps = [tap / total for tap in taps]
    return _smooth(_smooth(x, taps, 2), taps, 3).clamp_(0, 1)


def _smooth(x: Tensor, taps: Sequence[Tensor], dim: int) -> Tensor:
    """Weighted sums of neighbours along one side; taps: the middle's weight, then outwards."""
    # Shifted sums and not conv2d, whose rounding depends on the batch.
    radius, length = len(taps) - 1, x.shape[dim]
    margins = (radius, radius, 0, 0) if dim == 3 else (0, 0, radius, radius)
    wide = F.pad(x, margins, mode="reflect")
    smooth = taps[0] * x
    for place in range(1, radius + 1):
        before = wide.narrow(dim, radius - place, length)
        after = wide.narrow(dim, radius + place, length)
        smooth += taps[place] * (before + after)
    return smooth
