"""Permutation: the parts of a series change places (Um et al., arXiv 1706.00527)."""

from typing import Annotated

import torch
from annotated_types import Ge, Le
from torch import Tensor

from twinview.core import declare
from twinview.core.randomness import Draws


def permutation(x: Tensor, draws: Draws, *, parts: Annotated[int, Ge(2), Le(20)]) -> Tensor:
    """Series whose parts, of about equal lengths, stand in a random order, in all channels alike.

    Parameters
    ----------
    x : (n, c, t), NaN where nothing was measured.
    draws : the random numbers of the n series.
    parts : how many there are.
    """
    steps = torch.arange(x.shape[2])
    part = steps * parts // x.shape[2]
    places = draws.permutation(parts)[:, part]
    order = (places * x.shape[2] + steps).argsort(1)
    return x.gather(2, order[:, None].expand(-1, x.shape[1], -1))


DECLARES = declare.Augmentation(modality="series")
