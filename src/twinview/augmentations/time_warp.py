"""Time warp: a series runs faster in some parts and slower in others (arXiv 1706.00527)."""

import torch
import torch.nn.functional as F
from torch import Tensor

from twinview.core import declare
from twinview.core.randomness import Draws
from twinview.series.sampling import sample
from twinview.settings.ranges import Part

_PARTS = 4


def time_warp(x: Tensor, draws: Draws, *, strength: Part) -> Tensor:
    """Series of which each quarter has a pace of its own; the ends stay in place.

    Parameters
    ----------
    x : (n, c, t), NaN where nothing was measured.
    draws : the random numbers of the n series.
    strength : the paces are uniform from 1 - strength to 1 + strength, before they are scaled so
        that the ends meet.
    """
    length = x.shape[2]
    pace = draws.uniform(_PARTS, low=1 - strength, high=1 + strength)
    ends = F.pad(pace.cumsum(1), (1, 0))  # (n, 5) from 0
    unit = torch.linspace(0, _PARTS, length)
    part = unit.floor().clamp(max=_PARTS - 1).long()
    positions = ends[:, part] + pace[:, part] * (unit - part)
    last = positions[:, -1:]
    return sample(x, (positions / last * (length - 1)).clamp(0, length - 1))


DECLARES = declare.Augmentation(modality="series")
