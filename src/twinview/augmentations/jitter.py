"""Jitter: additive Gaussian noise on a series (Um et al., arXiv 1706.00527)."""

from typing import Annotated

from annotated_types import Ge, Le
from torch import Tensor

from twinview.core import declare
from twinview.core.randomness import Draws


def jitter(x: Tensor, draws: Draws, *, strength: Annotated[float, Ge(0), Le(1)]) -> Tensor:
    """Series plus independent normal numbers; missing values stay missing.

    Parameters
    ----------
    x : (n, c, t), NaN where nothing was measured.
    draws : the random numbers of the n series.
    strength : the noise's standard deviation, as a share of the range of the channel's values in
        the series. The range needs no sum, so that a view is the same in any batch.
    """
    missing = x.isnan()
    highest = x.masked_fill(missing, float("-inf")).amax(2, keepdim=True)
    lowest = x.masked_fill(missing, float("inf")).amin(2, keepdim=True)
    return x + strength * (highest - lowest) * draws.normal(*x.shape[1:])


DECLARES = declare.Augmentation(modality="series")
