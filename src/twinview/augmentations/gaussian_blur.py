"""Gaussian blur with a random width for each picture (SimCLR, arXiv 2002.05709, appendix A)."""

import torch
import torch.nn.functional as F
from torch import Tensor

from twinview.core import declare
from twinview.core.randomness import Draws
from twinview.settings.ranges import PositiveRange, Share

# Neighbours further away than this many deviations weigh less than 6e-7 together: float32's step.
_REACH = 5


def gaussian_blur(x: Tensor, draws: Draws, *, sigma: PositiveRange, kernel: Share) -> Tensor:
    """Pictures blurred with a deviation that is uniform between the two of sigma.

    x: (n, c, h, w) in [0, 1]; mirrored at the edges. sigma: in pixels. kernel: the window's share
    of the shorter side, made odd, 3 pixels or more. SimCLR: sigma (.1, 2), kernel .1.
    """
    radius = max(1, int(kernel * min(x.shape[2:])) // 2)
    taps = _taps(draws.uniform(1, low=sigma[0], high=sigma[1]), radius)
    return _smooth(_smooth(x, taps, 2), taps, 3).clamp_(0, 1)


DECLARES = declare.Augmentation(
    modality="image",
    quick={"kernel": 1.0},
    opts_out={"range of sigma": "ever wider ends in the window's mean"},
)


def _taps(deviation: Tensor, radius: int) -> Tensor:
    """(places, n, 1, 1, 1): the middle's weight, then outwards, as far as any picture needs."""
    places = torch.arange(min(radius, int(_REACH * deviation.max())) + 1, device=deviation.device)
    far = places / deviation
    taps = torch.exp(far.square() / -2) * (far <= _REACH)
    # Added one by one: another batch may have more zeros, with which torch's order is another.
    total = taps[:, 0]
    for place in range(1, taps.shape[1]):
        total = total + 2 * taps[:, place]
    return (taps / total[:, None]).T[..., None, None, None]


def _smooth(x: Tensor, taps: Tensor, dim: int) -> Tensor:
    """Weighted sums of neighbours along one side."""
    # Shifted sums and not conv2d, whose rounding depends on the batch.
    radius, length = len(taps) - 1, x.shape[dim]
    margins = (radius, radius, 0, 0) if dim == 3 else (0, 0, radius, radius)
    wide = F.pad(x, margins, mode="reflect")
    smooth = taps[0] * x
    for place in range(1, radius + 1):
        for start in (radius - place, radius + place):
            smooth.addcmul_(wide.narrow(dim, start, length), taps[place])
    return smooth
