"""Rows of token numbers, int (n, length), in which 0 is no token."""

import numpy as np
import torch
from torch import Tensor

from twinview.core.components import connected
from twinview.core.randomness import Draws


def compact(tokens: Tensor) -> Tensor:
    """The same tokens in their order, with all that is no token behind the last one."""
    return tokens.gather(1, (tokens == 0).to(torch.uint8).argsort(dim=1, stable=True))


def chosen(tokens: Tensor, draws: Draws, share: float) -> Tensor:
    """Which tokens a share draws at random, each by itself: (n, length) bool."""
    return (draws.uniform(tokens.shape[1]) < share) & (tokens != 0)


def text_of(inputs: Tensor, joined: bool) -> Tensor:
    """The text whose features an example has: (n, t).

    inputs: (n, companions, length). joined: whether it is all companions in their order; else it is
    the first one that is there.
    """
    if joined:
        return compact(inputs.flatten(1))
    first = (inputs != 0).any(2).to(torch.uint8).argmax(1)
    return inputs[torch.arange(len(inputs), device=inputs.device), first]


def sharing(inputs: Tensor) -> Tensor:
    """(n,) int64: the same number for examples that share an equal text, also by chains.

    inputs: (n, companions, length). Companions that are not there are not equal.
    """
    n = len(inputs)
    rows, companions = (inputs != 0).any(2).nonzero(as_tuple=True)
    _, text = np.unique(inputs[rows, companions].numpy(), axis=0, return_inverse=True)
    units = connected(n + len(rows), rows.numpy(), n + text.reshape(-1))
    return torch.from_numpy(units[:n])
