"""Is it learning, slow, or collapsed? Measures of embeddings, and a plain verdict."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

Verdict = Literal["learning", "slow", "collapsed"]

# Below these the embeddings say (nearly) the same of every example.
MIN_SPREAD = 0.01
MIN_RANK = 2.0
# At so low a uniformity embeddings lie all around the sphere: many directions have little spread.
EVEN_UNIFORMITY = -3.0
# A loss that has not come this far below chance has learned next to nothing yet.
SLOW_SHARE = 0.9
# That vote on an example of validation, while pretraining.
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
        """The measures of a row that may hold others too."""
        return cls(**{field.name: row[field.name] for field in fields(cls)})


def measure(z: Tensor) -> Measures:
    """All measures. z: (2, n, d), any scale."""
    unit = F.normalize(z.detach().double().cpu(), dim=2)
    return Measures(
        cosine_spread=cosine_spread(unit[0]),
        effective_rank=effective_rank(unit[0]),
        alignment=alignment(unit),
        uniformity=uniformity(unit[0]),
    )


def cosine_spread(unit: Tensor) -> float:
    """Standard deviation of the cosines between different examples; 0 when all are alike.

    unit: (n, d), length 1. Random directions: 1 / sqrt(d).
    """
    return _pairs(unit @ unit.T).std(correction=0).item()


def effective_rank(unit: Tensor) -> float:
    """Exponential of the entropy of the singular values' shares: how many directions are in use.

    Between 1 and min(n, d). Source: Roy and Vetterli, EUSIPCO 2007; RankMe, arXiv 2210.02885.
    """
    if not unit.isfinite().all():
        return math.nan
    values = torch.linalg.svdvals(unit)
    share = values / values.sum().clamp(min=1e-300)
    return float(torch.special.entr(share).sum().exp())


def alignment(unit: Tensor) -> float:
    """Mean squared distance between two views of an example; 0 is perfect, 2 is chance.

    unit: (2, n, d), length 1. Source: Wang and Isola, arXiv 2005.10242.
    """
    return (unit[0] - unit[1]).square().sum(1).mean().item()


def uniformity(unit: Tensor) -> float:
    """Log of the mean Gaussian potential, exp(-2 |x - y|^2), over pairs of different examples.

    0 when all are alike; near -4 when spread evenly over a sphere. Source: arXiv 2005.10242.
    """
    squared = (2 - 2 * _pairs(unit @ unit.T)).clamp(min=0)
    return (torch.logsumexp(-2 * squared, dim=0) - math.log(len(squared))).item()


def knn_accuracy(bank: Tensor, known: Tensor, queries: Tensor, truth: Tensor) -> float:
    """Share of queries whose NEIGHBOURS nearest rows of the bank vote, in a majority, their label.

    bank (m, d), queries (n, d), any scale: nearest is by cosine. known (m,), truth (n,) int64. Of
    labels with equally many votes, the smallest.
    """
    near, far = (F.normalize(x.detach().double().cpu(), dim=1) for x in (queries, bank))
    rows = (near @ far.T).topk(min(NEIGHBOURS, len(far)), dim=1).indices
    said = known.cpu()[rows].mode(dim=1).values
    return (said == truth.cpu()).double().mean().item()


def completely_collapsed(last: Measures) -> bool:
    """Whether the embeddings of different examples are (nearly) the same."""
    return last.cosine_spread < MIN_SPREAD and last.uniformity > EVEN_UNIFORMITY


def verdict(
    last: Measures,
    loss: float,
    chance: float,
    *,
    supervised: bool = False,
    directions: float = math.inf,
) -> Verdict:
    """One word on a training, from its last monitors and its last epoch's mean loss.

    collapsed: the embeddings are (nearly) the same for all examples, or lie in a direction or two;
    the latter is no collapse of a supervised method, whose two classes need no more, nor where
    there are no more `directions`: the smaller of the examples measured and an embedding's width.
    slow: the loss is above nine tenths of chance. learning: neither.
    """
    measures = (last.cosine_spread, last.effective_rank, loss)
    if not all(math.isfinite(measure) for measure in measures):
        return "collapsed"
    ranked = directions > MIN_RANK and not supervised
    if completely_collapsed(last) or (ranked and last.effective_rank < MIN_RANK):
        return "collapsed"
    return "slow" if loss > SLOW_SHARE * chance else "learning"


def _pairs(square: Tensor) -> Tensor:
    """The entries above the diagonal."""
    n = len(square)
    rows, columns = torch.triu_indices(n, n, offset=1)
    return square[rows, columns]
