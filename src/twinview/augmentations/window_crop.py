"""Window crop: a part of a series, steps in a row, stretched to its length.

Two overlapping parts as views of a series, with no other change, are a strong choice (T-Loss, arXiv
1901.10738; TS2Vec, arXiv 2106.10466).
"""

import torch
from torch import Tensor

from twinview.core import declare
from twinview.core.randomness import Draws
from twinview.series.sampling import sample
from twinview.settings.ranges import ShareRange


def window_crop(x: Tensor, draws: Draws, *, share: ShareRange, stretched: bool) -> Tensor:
    """A window of each series at a random place. Two windows of more than half of it overlap.

    Parameters
    ----------
    x : (n, c, t), NaN where nothing was measured.
    draws : the random numbers of the n series.
    share : the window's share of the steps is uniform in this range.
    stretched : whether the window is stretched to all t steps, linear between its own; otherwise it
        keeps its pace, stands first, and the steps after it are missing.
    """
    length = x.shape[2]
    size, place = draws.uniform(2).unbind(1)
    low, high = share
    steps = (length * (low + (high - low) * size)).round().clamp(min=2)
    first = ((length - steps + 1) * place).floor()
    unit = torch.arange(length, dtype=torch.float32)
    if stretched:
        return sample(x, first[:, None] + unit * ((steps - 1) / (length - 1))[:, None])
    seen = sample(x, (first[:, None] + unit).clamp(max=length - 1))
    return seen.masked_fill((unit >= steps[:, None])[:, None], float("nan"))


DECLARES = declare.Augmentation(modality="series")
