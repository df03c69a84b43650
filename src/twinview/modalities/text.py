"""Texts: token numbers, of which 0 is no token; an example has one text or several companions."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, final

import torch
from torch import Tensor, nn

from twinview.core import declare
from twinview.core.errors import DataError
from twinview.core.types import Learned, Modality, Vocabulary
from twinview.texts import bag_of_words, sequences, tokens
from twinview.texts.sequences import text_of

_BETWEEN = " · "  # stands between the companions of an example


def text() -> Modality:
    """The modality of texts: int32 (n, companions, length)."""
    return Text()


@final
class Text(Modality):
    """An example is k texts of one length; a view of it is one of them."""

    def check(self, inputs: Tensor) -> None:
        """Raises DataError unless inputs are token numbers (n, companions, length)."""
        if inputs.dtype != torch.int32 or inputs.ndim != 3:
            raise DataError(
                f"texts are {inputs.dtype} with shape {tuple(inputs.shape)}; they must be int32, "
                "(n, companions, length)"
            )

    def check_chain(self, names: Sequence[str], shape: tuple[int, ...]) -> None:
        """Nothing: every augmentation of texts changes texts of any length above 1."""

    def statistics(self, inputs: Tensor) -> Learned:
        """The vocabulary of inputs that came as token numbers."""
        return Vocabulary(int(inputs.max()) + 1, "", joined=False)

    def learned(self, value: Mapping[str, Any]) -> Learned:
        """The vocabulary that a JSON file holds."""
        return Vocabulary(**value)

    def describe(self, statistics: Learned) -> dict[str, Any]:
        """How many tokens the vocabulary has, and whether companions are joined."""
        vocabulary = _vocabulary(statistics)
        return {"vocabulary": vocabulary.size, "joined": vocabulary.joined}

    def encoder_shape(self, shape: tuple[int, ...], statistics: Learned) -> tuple[int, ...]:
        """(the most tokens of a text, the size of the vocabulary)."""
        vocabulary = _vocabulary(statistics)
        return (shape[0] * shape[1] if vocabulary.joined else shape[1], vocabulary.size)

    def words(self, stored: Tensor, statistics: Learned) -> list[str] | None:
        """The companions of each example, with a sign between."""
        texts = tokens.decode(_vocabulary(statistics).tokenizer, stored.flatten(0, 1).tolist())
        count = stored.shape[1]
        rows = [texts[first : first + count] for first in range(0, len(texts), count)]
        return [_BETWEEN.join(filter(None, row)) for row in rows]

    def drawn(self, stored: Tensor, statistics: Learned) -> Tensor:
        """A white pixel for each text, whose words are shown."""
        return torch.full((len(stored), 1, 1, 1), 255, dtype=torch.uint8)

    def copies(self, stored: Tensor) -> Tensor:
        """A number that examples share which have an equal text, also by chains of examples."""
        return sequences.sharing(stored)

    def view(self, stored: Tensor, numbers: Tensor) -> Tensor:
        """One companion of each example: (n, 1, length).

        View k shows the k-th of the companions that the example has, and goes round. So two views
        with numbers in a row show different companions wherever there are two.
        """
        has = (stored != 0).any(2)
        order = (~has).to(torch.uint8).argsort(dim=1, stable=True)
        place = numbers % has.sum(1).clamp(min=1)
        companion = order.gather(1, place[:, None])
        return stored.take_along_dim(companion[:, :, None], 1)

    def unpack(self, stored: Tensor) -> Tensor:
        """The tokens (n, length) of views, as a new tensor."""
        return stored.squeeze(1).clone()

    def fit_raw(self, stored: Tensor, statistics: Learned) -> Mapping[str, Tensor]:
        """The weights of words, and the directions that TF-IDF is reduced to."""
        vocabulary = _vocabulary(statistics)
        fitted = bag_of_words.fit(text_of(stored, vocabulary.joined), vocabulary.size)
        return {**fitted, "joined": torch.tensor(vocabulary.joined)}

    def words_of(self, stored: Tensor, statistics: Learned) -> Tensor | None:
        """The token numbers (n, t) of the text whose features an example has."""
        return text_of(stored, _vocabulary(statistics).joined)

    def raw(self, stored: Tensor, fitted: Mapping[str, Tensor]) -> Tensor:
        """TF-IDF, reduced by truncated SVD, at length 1."""
        return bag_of_words.features(text_of(stored, bool(fitted["joined"])), fitted)

    def pack(self, x: Tensor) -> Tensor:
        """Tokens (n, length) as a companion (n, 1, length)."""
        return x.unsqueeze(1)

    def shrink(self, stored: Tensor, scale: float) -> Tensor:
        """The settings refuse it: texts have no size."""
        raise AssertionError("texts cannot be shrunk")

    def standardise(self, statistics: Learned) -> nn.Module:
        """A layer that maps stored texts to int64 (n, t), no longer than the longest of them."""
        return Tokens(_vocabulary(statistics).joined)


DECLARES = declare.Modality(
    are_pictures=False,
    called="text",
    made_of="words",
    raw="tfidf",
    copies="have an equal text",
)


@final
class Tokens(nn.Module):
    """The text of each example, without the columns in which no text has a token."""

    def __init__(self, joined: bool) -> None:
        super().__init__()
        self.joined = joined

    def forward(self, stored: Tensor) -> Tensor:
        """Token numbers (n, t) int64 of stored texts (n, companions, length)."""
        text = text_of(stored, self.joined)
        longest = int((text != 0).any(0).nonzero().max()) + 1 if (text != 0).any() else 1
        return text[:, :longest].long()


def _vocabulary(statistics: Learned) -> Vocabulary:
    assert isinstance(statistics, Vocabulary), dataclasses.asdict(statistics)
    return statistics
