"""Measures of embeddings, and the verdict on a training: healthy, slow or collapsed."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

Verdict = Literal["healthy", "slow", "collapsed"]

# Below these values the embeddings are (nearly) the same for every example.
MIN_SPREAD = 0.01
MIN_RANK = 2.0
# Embeddings of a uniformity this low cover the sphere. In many dimensions the spread of their
# cosines is small too, although they have not collapsed.
EVEN_UNIFORMITY = -3.0
# A training whose loss is above this share of chance has learned next to nothing yet.
SLOW_SHARE = 0.9
# How many train examples vote on the label of a validation example during pretraining.
NEIGHBOURS = 10


@dataclass(frozen=True)
class Measures:
    """Measures of the embeddings z of two views of the same n examples."""

    cosine_spread: float
    effective_rank: float
    alignment: float
    uniformity: float

    @classmethod
    def from_row(cls, row: Mapping[str, float]) -> "Measures":
        """The measures in a row that may have other values too."""
        return cls(**{field.name: row[field.name] for field in fields(cls)})


def measure(z: Tensor) -> Measures:
    """All measures of z (2, n, d), at any scale."""
    unit = F.normalize(z.detach().double().cpu(), dim=2)
    return Measures(
        cosine_spread=cosine_spread(unit[0]),
        effective_rank=effective_rank(unit[0]),
        alignment=alignment(unit),
        uniformity=uniformity(unit[0]),
    )


def cosine_spread(unit: Tensor) -> float:
    """The standard deviation of the cosines between different examples; 0 when all are alike.

    unit: (n, d), of length 1. Random directions have 1 / sqrt(d).
    """
    return _pairs(unit @ unit.T).std(correction=0).item()


def effective_rank(unit: Tensor) -> float:
    """The number of directions in use: the exponential of the entropy of the singular values.

    It is between 1 and min(n, d). Source: Roy and Vetterli, EUSIPCO 2007; RankMe, arXiv 2210.02885.
    """
    if not unit.isfinite().all():
        return math.nan
    values = torch.linalg.svdvals(unit)
    share = values / values.sum().clamp(min=1e-300)
    return float(torch.special.entr(share).sum().exp())


def alignment(unit: Tensor) -> float:
    """The mean squared distance between two views of an example; 0 is perfect, 2 is chance.

    unit: (2, n, d), of length 1. Source: Wang and Isola, arXiv 2005.10242.
    """
    return (unit[0] - unit[1]).square().sum(1).mean().item()


def uniformity(unit: Tensor) -> float:
    """The log of the mean Gaussian potential, exp(-2 |x - y|^2), over pairs of different examples.

    0 when all are alike; near -4 when they are spread evenly over a sphere. Source: arXiv
    2005.10242.
    """
    squared = (2 - 2 * _pairs(unit @ unit.T)).clamp(min=0)
    return (torch.logsumexp(-2 * squared, dim=0) - math.log(len(squared))).item()


def knn_accuracy(bank: Tensor, bank_labels: Tensor, queries: Tensor, query_labels: Tensor) -> float:
    """The share of queries whose label wins the vote of their NEIGHBOURS nearest rows of the bank.

    The smallest of labels with equally many votes wins.

    Parameters
    ----------
    bank : (m, d), at any scale, since the nearest rows are those with the largest cosines.
    bank_labels : (m,) int64.
    queries : (n, d), at any scale.
    query_labels : (n,) int64.
    """
    unit_queries, unit_bank = (
        F.normalize(x.detach().double().cpu(), dim=1) for x in (queries, bank)
    )
    cosines = unit_queries @ unit_bank.T
    neighbours = cosines.topk(min(NEIGHBOURS, len(unit_bank)), dim=1).indices
    predicted = bank_labels.cpu()[neighbours].mode(dim=1).values
    return (predicted == query_labels.cpu()).double().mean().item()


def completely_collapsed(last: Measures) -> bool:
    """Whether the embeddings of all examples are (nearly) the same."""
    return last.cosine_spread < MIN_SPREAD and last.uniformity > EVEN_UNIFORMITY


def verdict(
    last: Measures,
    loss: float,
    chance: float,
    *,
    supervised: bool = False,
    directions: float = math.inf,
) -> Verdict:
    """The verdict on a training: collapsed, slow or healthy.

    Parameters
    ----------
    last : the measures at the end of the last epoch.
    loss : the mean loss of the last epoch.
    chance : the loss of embeddings that carry no information.
    supervised : whether the method learns from labels. Two classes need no more than one direction,
        so that a low rank is then no collapse.
    directions : the most directions that the embeddings can have, which is the smaller of their
        number and their width. When that is MIN_RANK or less, a low rank is no collapse.

    Returns
    -------
    verdict : collapsed, when the embeddings are (nearly) the same for all examples or use fewer
        than MIN_RANK directions, or when a number is not finite; slow, when the loss is above
        SLOW_SHARE of chance; learning otherwise.
    """
    measures = (last.cosine_spread, last.effective_rank, loss)
    if not all(math.isfinite(measure) for measure in measures):
        return "collapsed"
    rank_counts = directions > MIN_RANK and not supervised
    if completely_collapsed(last) or (rank_counts and last.effective_rank < MIN_RANK):
        return "collapsed"
    return "slow" if loss > SLOW_SHARE * chance else "healthy"


def _pairs(square: Tensor) -> Tensor:
    """The entries above the diagonal."""
    n = len(square)
    rows, columns = torch.triu_indices(n, n, offset=1)
    return square[rows, columns]
