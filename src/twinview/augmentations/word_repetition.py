"""Word repetition: some words stand twice (ESimCSE; Wu et al., arXiv 2109.04380).

Two views have different lengths then, so that length does not tell which views belong together.
"""

import torch
from torch import Tensor

from twinview.core import declare
from twinview.core.randomness import Draws
from twinview.settings.ranges import Part
from twinview.texts import sequences


def word_repetition(x: Tensor, draws: Draws, *, share: Part) -> Tensor:
    """Texts in which a share of the tokens, drawn at random, stand twice in a row.

    What does not fit into the length any more is cut off at the end.

    Parameters
    ----------
    x : (n, length) token numbers, 0 for no token.
    draws : the random numbers of the n texts.
    share : of the tokens, on average. ESimCSE: up to .32 of a text.
    """
    again = x.where(sequences.chosen(x, draws, share), 0)
    return sequences.compact(torch.stack([x, again], dim=2).flatten(1))[:, : x.shape[1]]


DECLARES = declare.Augmentation(modality="text")
