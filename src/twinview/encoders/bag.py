"""A bag of tokens: the mean of learned vectors of a text's tokens, whatever their order."""

from typing import Literal, final

import torch
from torch import Tensor, nn
from torch.nn import functional

from twinview.core import declare
from twinview.settings.sections import Count
from twinview.texts import pooling

_RARE = 0.001  # SIF's constant a; the paper: .001 to .0001


def bag(
    shape: tuple[int, ...], *, width: Count, weighting: Literal["equal", "frequency"]
) -> nn.Module:
    """The features are the weighted mean of the tokens' vectors; an empty text has zeros.

    frequency gives a token of the share p of train the weight a / (a + p), as smooth inverse
    frequency does (SIF; Arora, Liang and Ma 2017, openreview SyK00v5xx).

    Parameters
    ----------
    shape : (the most tokens of a text, the size of the vocabulary).
    width : the dimensions of a token's vector, and of the features.
    weighting : equal: all tokens count alike; frequency: frequent ones count less.
    """
    return Bag(shape[1], width, weighting == "frequency")


DECLARES = declare.Encoder(modality="text", fitted=True, fitted_to=2**31, quick={"width": 8})


@final
class Bag(nn.Module):
    """Maps token numbers (n, t) to vectors (n, width, t) (`features`) and their mean."""

    pooled_positions = 1
    weights: Tensor

    def __init__(self, size: int, width: int, by_frequency: bool) -> None:
        super().__init__()
        self.dim, self.by_frequency = width, by_frequency
        self.table = nn.Embedding(size, width)
        nn.init.normal_(self.table.weight, std=width**-0.5)
        self.register_buffer("weights", torch.ones(size))

    def fit(self, tokens: Tensor) -> None:
        """Sets the weights of tokens by how frequent they are in the train texts (n, t)."""
        if self.by_frequency:
            counts = torch.bincount(tokens.flatten(), minlength=len(self.weights)).float()
            counts[0] = 0
            self.weights.copy_(_RARE / (_RARE + counts / counts.sum().clamp(min=1)))

    def features(self, tokens: Tensor) -> Tensor:
        """The vectors (n, width, t) of tokens (n, t)."""
        vectors: Tensor = self.table(tokens)
        return vectors.transpose(1, 2)

    def forward(self, tokens: Tensor) -> Tensor:
        """The features (n, width) of tokens (n, t)."""
        shares = pooling.shares(self.weights[tokens] * (tokens != 0))
        # The vectors of all tokens together, (n, t, width), would take most of the time.
        mean: Tensor = functional.embedding_bag(
            tokens, self.table.weight, mode="sum", per_sample_weights=shares
        )
        return mean
