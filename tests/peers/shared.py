"""Batches as other libraries take them, and what it means that two losses are the same."""

from collections.abc import Callable

import torch
from torch import Tensor

from tests.objectives.shared import LABELS, differentiated

# Of the random embeddings: LABELS has 7.
N, D = 7, 5

Loss = Callable[[Tensor], Tensor]


def joined(z: Tensor) -> Tensor:
    """(v, n, d) to (v n, d), one view after the other."""
    return z.flatten(0, 1)


def names(views: int, labels: Tensor = LABELS) -> Tensor:
    """The labels of joined embeddings."""
    return labels.repeat(views)


def same(ours: Loss, theirs: Loss, z: Tensor) -> bool:
    """Whether value and gradient agree, to the rounding of float64 sums in another order."""
    pairs = zip(differentiated(ours, z), differentiated(theirs, z), strict=True)
    return all(torch.allclose(a, b.reshape(a.shape), rtol=1e-9, atol=1e-10) for a, b in pairs)
