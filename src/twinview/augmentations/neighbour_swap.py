"""Neighbour swap: some words change places with the next one, so that their order counts less."""

import torch
from torch import Tensor

from twinview.core import declare
from twinview.core.randomness import Draws
from twinview.settings.ranges import Share
from twinview.texts import sequences


def neighbour_swap(x: Tensor, draws: Draws, *, share: Share) -> Tensor:
    """Texts in which some pairs of neighbours have changed places; no token is in two pairs.

    Parameters
    ----------
    x : (n, length) token numbers, 0 for no token.
    draws : the random numbers of the n texts.
    share : of the pairs. The pairs begin at the first or at the second token, at random.
    """
    x = sequences.compact(x)
    n, length = x.shape
    positions = torch.arange(length, device=x.device)
    from_second = draws.uniform() < 0.5
    is_first = (positions % 2 == from_second[:, None].long()) & (x != 0)
    is_first &= (x.roll(-1, 1) != 0) & (positions < length - 1)
    swapped = is_first & (draws.uniform(length) < share)
    step = swapped.long() - swapped.roll(1, 1).long()
    return x.gather(1, positions.expand(n, -1) + step)


DECLARES = declare.Augmentation(modality="text")
