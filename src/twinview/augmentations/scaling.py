"""Scaling: each channel of a series is multiplied by one number (Um et al., arXiv 1706.00527)."""

from torch import Tensor

from twinview.core import declare
from twinview.core.randomness import Draws
from twinview.settings.ranges import PositiveRange


def scaling(x: Tensor, draws: Draws, *, factor: PositiveRange) -> Tensor:
    """Series whose channels have other amplitudes; all steps of a channel have the same factor.

    Parameters
    ----------
    x : (n, c, t), NaN where nothing was measured.
    draws : the random numbers of the n series.
    factor : uniform in this range, another one for each channel.
    """
    low, high = factor
    return x * draws.uniform(x.shape[1], 1, low=low, high=high)


DECLARES = declare.Augmentation(
    modality="series", opts_out={"range of factor": "any positive factor is a scaling"}
)
