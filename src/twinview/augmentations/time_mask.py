"""Time mask: some steps of a series in a row are missing, in all channels."""

import torch
from torch import Tensor

from twinview.core import declare
from twinview.core.randomness import Draws
from twinview.settings.ranges import Part


def time_mask(x: Tensor, draws: Draws, *, share: Part) -> Tensor:
    """Series with one gap at a random place; a series that would lose all its values keeps them.

    Parameters
    ----------
    x : (n, c, t), NaN where nothing was measured. The encoder sees what is missing.
    draws : the random numbers of the n series.
    share : the gap's share of the steps.
    """
    steps = torch.arange(x.shape[2])
    size = max(1, round(share * x.shape[2]))
    first = draws.uniform(1, high=x.shape[2] - size + 1).floor()
    gap = (steps >= first) & (steps < first + size)
    masked = x.masked_fill(gap[:, None], float("nan"))
    return masked.where(~masked.isnan().all(2).all(1)[:, None, None], x)


DECLARES = declare.Augmentation(modality="series")
