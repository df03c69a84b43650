"""Channel drop: some channels of a series are missing."""

from torch import Tensor

from twinview.core import declare
from twinview.core.randomness import Draws
from twinview.settings.ranges import Part


def channel_drop(x: Tensor, draws: Draws, *, share: Part) -> Tensor:
    """Series without some channels; one that has values always stays.

    Parameters
    ----------
    x : (n, c, t), NaN where nothing was measured. The encoder sees what is missing.
    draws : the random numbers of the n series.
    share : how probable it is for each channel to be left out.
    """
    empty = x.isnan().all(2)
    numbers = draws.uniform(x.shape[1]).masked_fill(empty, -1)
    kept = (numbers >= share) | (numbers == numbers.amax(1, keepdim=True))
    return x.masked_fill(~kept[:, :, None], float("nan"))


DECLARES = declare.Augmentation(modality="series")
