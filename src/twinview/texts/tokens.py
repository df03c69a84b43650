"""Texts to token numbers and back, by Hugging Face's tokenizers, trained on the train split.

Every vocabulary begins with three tokens: NONE stands for no token, UNKNOWN for a word that the
vocabulary lacks, and MASK for a hidden word.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from torch import Tensor

NONE, UNKNOWN, MASK = 0, 1, 2
SPECIAL = ("[NONE]", "[UNKNOWN]", "[MASK]")
Kind = Literal["words", "bpe"]


@dataclass(frozen=True)
class Encoded:
    """tokens: (n, length) int32, NONE after the last token. counts: (n,) how many there were."""

    tokens: NDArray[np.int32]
    counts: NDArray[np.int64]


def train_tokenizer(texts: Iterable[str], kind: Kind, size: int) -> Tokenizer:
    """A tokenizer of at most `size` tokens; case does not count.

    Parameters
    ----------
    texts : the texts of the train split.
    kind : words: words and punctuation marks, the most frequent ones; others are UNKNOWN. bpe:
        pieces of words by byte-pair encoding (Sennrich et al., arXiv 1508.07909) over bytes, so
        that any text has tokens, and languages without spaces work.
    size : the number of tokens, at most.
    """
    tokenizer = _words() if kind == "words" else _bpe()
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    special = list(SPECIAL)
    trainer = (
        trainers.WordLevelTrainer(vocab_size=size, special_tokens=special, show_progress=False)
        if kind == "words"
        else trainers.BpeTrainer(
            vocab_size=size,
            special_tokens=special,
            show_progress=False,
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        )
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def encode(tokenizer: Tokenizer, texts: Sequence[str], length: int) -> Encoded:
    """The tokens of each text, of which those beyond `length` are left out."""
    found = [encoding.ids for encoding in tokenizer.encode_batch_fast(list(texts))]
    tokens = np.zeros((len(found), length), np.int32)
    for row, ids in zip(tokens, found, strict=True):
        row[: len(ids)] = ids[:length]
    return Encoded(tokens, np.array([len(ids) for ids in found], np.int64))


def stored(tokenizer: str, texts: Sequence[str], length: int) -> Tensor:
    """Texts as examples with one companion each: (n, 1, length) int32."""
    tokens = encode(Tokenizer.from_str(tokenizer), texts, length).tokens
    return torch.from_numpy(tokens).unsqueeze(1)


def decode(tokenizer: str, tokens: Iterable[Sequence[int]]) -> list[str]:
    """The texts of token numbers; without a tokenizer the numbers themselves."""
    kept = [[token for token in row if token != NONE] for row in tokens]
    if not tokenizer:
        return [" ".join(map(str, row)) for row in kept]
    known = Tokenizer.from_str(tokenizer)
    return list(known.decode_batch(kept, skip_special_tokens=False))


def _words() -> Tokenizer:
    tokenizer = Tokenizer(models.WordLevel(unk_token=SPECIAL[UNKNOWN]))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return tokenizer


def _bpe() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer
