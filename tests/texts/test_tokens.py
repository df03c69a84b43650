"""Tokens: what is learnt, what is cut, and that any language has some."""

import pytest

from twinview.texts.tokens import (
    MASK,
    NONE,
    SPECIAL,
    UNKNOWN,
    Kind,
    decode,
    encode,
    train_tokenizer,
)

TEXTS = ["The cat sat on the mat.", "the dog sat", "naïve café", "今日は良い天気です"]


@pytest.mark.parametrize("kind", ["words", "bpe"])
def test_equal_texts_give_equal_tokenizers_that_begin_with_the_special_tokens(kind: Kind) -> None:
    one, other = (train_tokenizer(iter(TEXTS), kind, 400) for _ in range(2))
    assert one.to_str() == other.to_str()
    assert [one.token_to_id(name) for name in SPECIAL] == [NONE, UNKNOWN, MASK]


def test_words_beyond_the_vocabulary_are_unknown_and_case_does_not_count() -> None:
    tokenizer = train_tokenizer(iter(TEXTS), "words", 400)
    found = encode(tokenizer, ["THE cat", "the emu"], 3).tokens
    assert found[0, 0] == found[1, 0] and found[1, 1] == UNKNOWN and found[0, 2] == NONE


def test_pieces_spell_any_text_and_give_it_back() -> None:
    tokenizer = train_tokenizer(iter(TEXTS), "bpe", 400)
    strange = ["Ünicode ⚙ words", "天気 and кот"]
    tokens = encode(tokenizer, strange, 64).tokens
    assert UNKNOWN not in tokens
    assert [text.strip() for text in decode(tokenizer.to_str(), tokens.tolist())] == [
        text.lower() for text in strange
    ]


def test_long_texts_are_cut_and_counted_and_empty_ones_have_no_token() -> None:
    tokenizer = train_tokenizer(iter(TEXTS), "words", 400)
    found = encode(tokenizer, ["the cat sat on the mat", "", " \n"], 4)
    assert found.counts.tolist() == [6, 0, 0]
    assert (found.tokens != NONE).sum(1).tolist() == [4, 0, 0]


def test_numbers_without_a_tokenizer_are_shown_as_numbers() -> None:
    assert decode("", [[5, 7, 0], [0, 0, 0]]) == ["5 7", ""]
