"""Word deletion: some words of a text are left out (EDA; Wei and Zou, arXiv 1901.11196)."""

from torch import Tensor

from twinview.core import declare
from twinview.core.randomness import Draws
from twinview.settings.ranges import Part
from twinview.texts import sequences


def word_deletion(x: Tensor, draws: Draws, *, share: Part) -> Tensor:
    """Texts without a share of their tokens, drawn at random; a text that would be empty stays.

    Parameters
    ----------
    x : (n, length) token numbers, 0 for no token.
    draws : the random numbers of the n texts.
    share : of the tokens, on average. EDA: .1; SimCSE's comparison: .1 to .3.
    """
    kept = x.masked_fill(sequences.chosen(x, draws, share), 0)
    return sequences.compact(kept.where((kept != 0).any(1, keepdim=True), x))


DECLARES = declare.Augmentation(modality="text")
