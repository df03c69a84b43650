"""The pairs of a test and a train example with the most similar features: perhaps copies."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from twinview.core.types import Embeddings
from twinview.evaluation.nearest import nearest

_DIRECTIONS = 32
_SAMPLE = 1024
_BLOCK = 4096
_PER_QUERY = 4  # candidates of each test example
_PER_PAIR = 100  # candidates for each wanted pair


@dataclass(frozen=True)
class ClosePair:
    """Rows of the test and the train split, and the cosine of their features."""

    test: int
    train: int
    cosine: float


def closest_pairs(features: Mapping[str, Embeddings], count: int) -> list[ClosePair]:
    """The pairs of the highest cosines, in descending order.

    Each test example occurs once at most, with its nearest train example. The candidates are the
    pairs with the highest upper bounds of the cosine: with u and v the unit features, P a
    projection onto a few orthonormal directions and R the rest, uv <= Pu Pv + |Ru| |Rv|. All bounds
    cost a hundredth of all cosines. A pair can be missed where features spread evenly over many
    more directions.

    Parameters
    ----------
    features : of the splits train and test.
    count : the number of pairs.
    """
    test, train = features["test"].features, features["train"].features
    sample = F.normalize(train[:: max(1, len(train) // _SAMPLE)][:_SAMPLE], dim=1)
    directions = torch.linalg.svd(sample, full_matrices=False).Vh[:_DIRECTIONS].T
    bounds, rows = nearest(_sketch(test, directions), _sketch(train, directions), _PER_QUERY)
    best = bounds.flatten().argsort(descending=True, stable=True)[: count * _PER_PAIR]
    first, second = best // bounds.shape[1], rows.flatten()[best]
    cosines = F.cosine_similarity(test[first], train[second])
    order = cosines.argsort(descending=True, stable=True)
    found = zip(first[order].tolist(), second[order].tolist(), cosines[order].tolist(), strict=True)
    nearest_pairs: dict[int, ClosePair] = {}
    for pair in found:
        nearest_pairs.setdefault(pair[0], ClosePair(*pair))
    return list(nearest_pairs.values())[:count]


def _sketch(features: Tensor, directions: Tensor) -> Tensor:
    """(n, k + 1): the unit features along the directions, and the length of the rest."""
    parts = []
    for block in features.split(_BLOCK):
        along = F.normalize(block, dim=1) @ directions
        rest = (1 - along.square().sum(dim=1, keepdim=True)).clamp(min=0).sqrt()
        parts.append(torch.cat([along, rest], dim=1))
    return torch.cat(parts)
