"""Counted words as a contender: what it predicts, and the entries that it takes."""

import torch

from tests.support.small_texts import CLASSES, rows
from twinview.core.types import Embeddings
from twinview.evaluation import words
from twinview.texts import bag_of_words
from twinview.texts.tokens import encode, train_tokenizer


def embedded(n: int, seed: int) -> Embeddings:
    texts = [row["body"] for row in rows(n, seed)]
    tokenizer = train_tokenizer((row["body"] for row in rows(200)), "words", 300)
    tokens = torch.from_numpy(encode(tokenizer, texts, 10).tokens)
    return Embeddings(tokens, torch.arange(n) % len(CLASSES), torch.arange(n))


def test_it_tells_classes_apart_that_have_words_of_their_own() -> None:
    train, test = embedded(60, 1), embedded(30, 2)
    idf = bag_of_words.fit(train.features, 300)["idf"]
    shares = words.linear(train, test.features, C=0.01, idf=idf)
    assert torch.equal(shares.argmax(1), test.required_labels())
    # Each row sums to 1, in the float32 of scikit-learn's products.
    assert torch.allclose(shares.sum(1), torch.ones(30, dtype=torch.float64), atol=1e-5)


def test_a_class_that_train_lacks_has_no_share() -> None:
    train = embedded(60, 1)
    kept = train.take((train.required_labels() != 1).nonzero().squeeze(1))
    idf = bag_of_words.fit(train.features, 300)["idf"]
    assert not words.linear(kept, train.features, C=0.01, idf=idf)[:, 1].any()


def test_tasks_that_do_not_take_words_are_left_to_the_reduced_features() -> None:
    asked = dict.fromkeys(("classification", "clusters", "retrieval"), lambda contender: {})
    assert list(words.able(asked)) == ["classification", "retrieval"]
