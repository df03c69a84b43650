"""Token crop: a part of a text, of words in a row (DeCLUTR, arXiv 2006.03659)."""

import torch
from torch import Tensor

from twinview.core import declare
from twinview.core.randomness import Draws
from twinview.settings.ranges import ShareRange
from twinview.texts import sequences


def token_crop(x: Tensor, draws: Draws, *, share: ShareRange) -> Tensor:
    """A window of each text, at least one token long, at a random place.

    Parameters
    ----------
    x : (n, length) token numbers, 0 for no token.
    draws : the random numbers of the n texts.
    share : the window's share of the text's tokens is uniform in this range, so that two views
        differ in length.
    """
    x = sequences.compact(x)
    size, place = draws.uniform(2).unbind(1)
    low, high = share
    count = (x != 0).sum(1)
    length = (count * (low + (high - low) * size)).round().clamp(min=1)
    first = ((count - length + 1) * place).floor()
    positions = torch.arange(x.shape[1], device=x.device)
    inside = (positions >= first[:, None]) & (positions < (first + length)[:, None])
    return sequences.compact(x.where(inside, 0))


DECLARES = declare.Augmentation(modality="text")
