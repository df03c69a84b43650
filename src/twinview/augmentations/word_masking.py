"""Word masking: some words of a text are hidden behind a mask (BERT, arXiv 1810.04805)."""

from torch import Tensor

from twinview.core import declare
from twinview.core.randomness import Draws
from twinview.settings.ranges import Part
from twinview.texts import sequences
from twinview.texts.tokens import MASK


def word_masking(x: Tensor, draws: Draws, *, share: Part) -> Tensor:
    """Texts in which the mask stands for a share of the tokens, drawn at random.

    Parameters
    ----------
    x : (n, length) token numbers, 0 for no token.
    draws : the random numbers of the n texts.
    share : of the tokens, on average. BERT: .15.
    """
    return x.masked_fill(sequences.chosen(x, draws, share), MASK)


DECLARES = declare.Augmentation(modality="text")
