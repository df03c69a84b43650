"""A bidirectional recurrent network over a text's tokens: GRU or LSTM."""

from typing import Literal, final

from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from twinview.core import declare
from twinview.settings.sections import Count
from twinview.texts.pooling import masked_mean


def recurrent(
    shape: tuple[int, ...], *, cell: Literal["gru", "lstm"], width: Count, layers: Count
) -> nn.Module:
    """The features are the mean over the tokens of the last layer's states, of both directions.

    They have 2 * width dimensions. Positions without a token are no steps.

    Parameters
    ----------
    shape : (the most tokens of a text, the size of the vocabulary).
    cell : gru (Cho et al., arXiv 1406.1078) or lstm (Hochreiter and Schmidhuber 1997).
    width : the dimensions of a token's vector, and of a direction's state.
    layers : how many layers there are.
    """
    return Recurrent(shape[1], nn.GRU if cell == "gru" else nn.LSTM, width, layers)


DECLARES = declare.Encoder(modality="text", quick={"width": 4, "layers": 2})


@final
class Recurrent(nn.Module):
    """Maps token numbers (n, t) to states (n, 2 * width, t) (`features`) and their mean."""

    pooled_positions = 1

    def __init__(self, size: int, cell: type[nn.GRU | nn.LSTM], width: int, layers: int) -> None:
        super().__init__()
        self.dim = 2 * width
        self.table = nn.Embedding(size, width)
        self.layers = cell(width, width, layers, batch_first=True, bidirectional=True)

    def features(self, tokens: Tensor) -> Tensor:
        """The last layer's states (n, 2 * width, t) of tokens (n, t)."""
        return self._states(tokens).transpose(1, 2)

    def forward(self, tokens: Tensor) -> Tensor:
        """The features (n, 2 * width) of tokens (n, t)."""
        return masked_mean(self._states(tokens), tokens)

    def _states(self, tokens: Tensor) -> Tensor:
        # An empty text has one step of no token, whose state does not count.
        lengths = (tokens != 0).sum(1).clamp(min=1).cpu()
        vectors = self.table(tokens)
        packed = pack_padded_sequence(vectors, lengths, batch_first=True, enforce_sorted=False)
        states, _ = self.layers(packed)
        padded: Tensor
        padded, _ = pad_packed_sequence(states, batch_first=True, total_length=tokens.shape[1])
        return padded
