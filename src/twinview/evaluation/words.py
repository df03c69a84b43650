"""TF-IDF of all words, for the tasks that can take so many features: what counted words are worth.

The baseline tfidf has these results where they exist: of the linear probe with all labels and with
few, and of retrieval. Its other results are of the reduced features (texts/bag_of_words.py), which
are the better ones for neighbours.
"""

import warnings
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor

from twinview.core.types import Embeddings
from twinview.evaluation.contender import Contender, Task
from twinview.texts import bag_of_words

# Standardised features have a squared length of some hundred, and rows of TF-IDF have 1. So a
# penalty that suits the former is this much too strong for the latter.
_SCALE = 1000
_STEPS = 50  # of L-BFGS, when the accuracy has settled
TASKS: Mapping[str, Mapping[str, Any]] = {
    "classification": {"probes": ("linear",)},
    "few_labels": {},
    "retrieval": {},
}


def contender(
    parts: Mapping[str, Embeddings],
    idf: Tensor,
    like: Contender,
    companions: Callable[[str, int, int, tuple[int, int]], Tensor],
) -> Contender:
    """Counted words as a contender.

    Parameters
    ----------
    parts : token numbers (n, t) in place of features, by split.
    idf : the weights of the words, as bag_of_words.fit gives them.
    like : another contender on the same data.
    companions : (split, count, seed, two numbers) to the stored companions (2, n, 1, length).
    """

    def views(split: str, count: int, seed: int, pair: tuple[int, int]) -> Tensor:
        return torch.stack(
            [
                torch.from_numpy(bag_of_words.tf_idf(texts.squeeze(1), idf).toarray())
                for texts in companions(split, count, seed, pair)
            ]
        )

    probes = {"linear": partial(linear, idf=idf)}
    return Contender(parts, like.classes, like.probes, like.progress, views, probes)


def able(tasks: Mapping[str, Task]) -> dict[str, Task]:
    """Those of the tasks that take words, each limited to the entries that do."""
    return {
        name: partial(tasks[name], **options) for name, options in TASKS.items() if name in tasks
    }


def linear(train: Embeddings, tokens: Tensor, *, C: float, idf: Tensor) -> Tensor:
    """The probability of each class, (m, k) float64, by logistic regression of TF-IDF.

    Parameters
    ----------
    train : token numbers (n, t) with labels.
    tokens : (m, t).
    C : the inverse of the penalty, as of the linear probe; it is scaled to rows of length 1.
    idf : the weights of the words.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    labels = train.required_labels()
    model = LogisticRegression(C=C * _SCALE, max_iter=_STEPS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(bag_of_words.tf_idf(train.features, idf), labels.numpy())
    found = torch.from_numpy(model.predict_proba(bag_of_words.tf_idf(tokens, idf))).double()
    shares = torch.zeros(len(tokens), int(labels.max()) + 1, dtype=torch.float64)
    shares[:, torch.from_numpy(model.classes_)] = found
    return shares
