"""Gaussian blur with a random width for each picture (SimCLR, arXiv 2002.05709, appendix A)."""

import torch
import torch.nn.functional as F
from torch import Tensor

from twinview.core import declare
from twinview.core.randomness import Draws
from twinview.settings.ranges import PositiveRange, Share

# Neighbours farther away than this many deviations weigh less than 6e-7 together, which is
# float32's step.
_REACH = 5


def gaussian_blur(x: Tensor, draws: Draws, *, sigma: PositiveRange, kernel: Share) -> Tensor:
    """Blurred pictures, mirrored at their edges.

    Parameters
    ----------
    x : (n, c, h, w) in [0, 1].
    draws : the random numbers of the n pictures.
    sigma : the range of the Gaussian's standard deviation, in pixels; it is uniform in the range.
        SimCLR uses (.1, 2).
    kernel : the window's side as a share of the picture's shorter side, made odd, at least 3
        pixels.
        SimCLR uses .1.
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
    """The weights (positions, n, 1, 1, 1) from the middle outwards, as far as a picture needs."""
    positions = torch.arange(
        min(radius, int(_REACH * deviation.max())) + 1, device=deviation.device
    )
    far = positions / deviation
    taps = torch.exp(far.square() / -2) * (far <= _REACH)
    # The weights are added one by one: another batch may have more zeros, and torch would add in
    # another order.
    weight_sum = taps[:, 0]
    for position in range(1, taps.shape[1]):
        weight_sum = weight_sum + 2 * taps[:, position]
    return (taps / weight_sum[:, None]).T[..., None, None, None]


def _smooth(x: Tensor, taps: Tensor, dim: int) -> Tensor:
    """The weighted sums of neighbours along one axis."""
    # These are shifted sums, since the rounding of conv2d depends on the batch.
    radius, length = len(taps) - 1, x.shape[dim]
    margins = (radius, radius, 0, 0) if dim == 3 else (0, 0, radius, radius)
    wide = F.pad(x, margins, mode="reflect")
    smooth = taps[0] * x
    for position in range(1, radius + 1):
        for start in (radius - position, radius + position):
            smooth.addcmul_(wide.narrow(dim, start, length), taps[position])
    return smooth
