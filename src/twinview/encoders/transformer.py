"""A transformer encoder over a text's tokens, as BERT (Devlin et al., arXiv 1810.04805)."""

from collections.abc import Iterator, Mapping
from typing import Any, final

import torch
from torch import Tensor, nn

from twinview.core import declare
from twinview.settings.params import Params
from twinview.settings.sections import Count
from twinview.texts.pooling import masked_mean


def transformer(shape: tuple[int, ...], *, width: Count, depth: Count, heads: Count) -> nn.Module:
    """The features are the mean over the tokens of the last layer's vectors.

    They have `width` dimensions. Attention does not see positions without a token. Positions are
    learned. There is no class token: trained from scratch it is worse than the mean.

    Parameters
    ----------
    shape : (the most tokens of a text, the size of the vocabulary).
    width : the dimensions of a token's vector, a multiple of `heads`.
    depth : the number of layers.
    heads : the number of attention heads of each layer.

    Raises
    ------
    ValueError : the width is no such multiple.
    """
    for fault in _faults(width, heads):
        raise ValueError(fault)
    return Transformer(shape[0], shape[1], width, depth, heads)


def _check(options: Mapping[str, Any], settings: Params) -> Iterator[str]:
    for fault in _faults(options["width"], options["heads"]):
        yield f"encoders.transformer: {fault}"


def _faults(width: int, heads: int) -> Iterator[str]:
    if width % heads:
        yield f"width is {width}; set it to a multiple of {heads}, for {heads} heads"


DECLARES = declare.Encoder(
    modality="text", check=_check, quick={"width": 8, "depth": 2, "heads": 2}
)


@final
class Transformer(nn.Module):
    """Maps token numbers (n, t) to vectors (n, width, t) (`features`) and their mean."""

    pooled_positions = 1

    def __init__(self, length: int, size: int, width: int, depth: int, heads: int) -> None:
        super().__init__()
        self.dim = width
        self.table = nn.Embedding(size, width)
        self.positions = nn.Embedding(length, width)
        for embedding in (self.table, self.positions):
            nn.init.normal_(embedding.weight, std=0.02)
        # nn.TransformerEncoder would copy one layer, so that all start with equal weights.
        self.layers = nn.ModuleList(_layer(width, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width)

    def features(self, tokens: Tensor) -> Tensor:
        """The last layer's vectors (n, width, t) of tokens (n, t)."""
        return self._vectors(tokens).transpose(1, 2)

    def forward(self, tokens: Tensor) -> Tensor:
        """The features (n, width) of tokens (n, t)."""
        return masked_mean(self._vectors(tokens), tokens)

    def _vectors(self, tokens: Tensor) -> Tensor:
        hidden = tokens == 0
        # A text without tokens attends to its first position, since attention to none is no number.
        hidden = hidden & ~(
            hidden.all(1, keepdim=True) & (torch.arange(tokens.shape[1], device=tokens.device) == 0)
        )
        places = self.positions(torch.arange(tokens.shape[1], device=tokens.device))
        vectors: Tensor = self.norm(self.table(tokens) + places)
        for layer in self.layers:
            vectors = layer(vectors, src_key_padding_mask=hidden)
        return vectors


def _layer(width: int, heads: int) -> nn.Module:
    return nn.TransformerEncoderLayer(
        width, heads, 4 * width, dropout=0.0, activation="gelu", batch_first=True
    )
