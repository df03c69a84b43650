"""Stability of neighbours: what two trainings agree on about which examples are similar."""

from collections.abc import Mapping

import torch

from twinview.core import randomness
from twinview.core.types import Embeddings
from twinview.evaluation.nearest import nearest


def shared_neighbours(
    first: Mapping[str, Embeddings],
    second: Mapping[str, Embeddings],
    *,
    count: int,
    examples: int,
    seed: int,
) -> float:
    """The share of the nearest train examples of test examples that two encoders have in common.

    Parameters
    ----------
    first, second : the features by split, of the same examples.
    count : how many nearest train examples of each test example are compared, by cosine.
    examples : how many random test examples are asked about; a smaller split is asked whole.
    seed : chooses them.

    Returns
    -------
    share : between 0 and 1; two random orders of n train examples share count / n of them.
    """
    assert all(torch.equal(first[name].ids, second[name].ids) for name in ("train", "test"))
    generator = randomness.generator(seed, "shared neighbours")
    rows = torch.randperm(len(first["test"]), generator=generator)[:examples]
    ours, theirs = (
        nearest(parts["test"].features[rows], parts["train"].features, count)[1]
        for parts in (first, second)
    )
    shared = (ours[:, :, None] == theirs[:, None, :]).any(2)
    return shared.double().mean().item()
