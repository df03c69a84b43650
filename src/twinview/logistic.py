"""Multinomial logistic regression: the linear probe's fit, kept for use too."""

from dataclasses import dataclass
from weakref import WeakKeyDictionary

import torch
import torch.nn.functional as F
from torch import Tensor

from twinview.moments import moments
from twinview.types import Embeddings

# Typical p(1 - p) of a class: how much of the features' covariance the loss's curvature is.
_CURVATURE = 0.05
_STEPS = 30
_TOLERANCE = 1e-5


@dataclass(frozen=True)
class Fitted:
    """A fitted probe: mean and std (d,) that standardise features; weights (k, d) and bias (k,)."""

    mean: Tensor
    std: Tensor
    weights: Tensor
    bias: Tensor

    def logits(self, features: Tensor) -> Tensor:
        """(m, d) to (m, k): a softmax over the classes gives their probabilities."""
        return F.linear((features - self.mean) / self.std, self.weights, self.bias)


_known: WeakKeyDictionary[Embeddings, dict[float, Fitted]] = WeakKeyDictionary()


def fit(train: Embeddings, strength: float) -> Fitted:
    """The probe of these rows, kept as long as they; it knows the classes up to their largest."""
    known = _known.setdefault(train, {})
    if strength not in known:
        known[strength] = _fit(train, strength)
    return known[strength]


def _fit(train: Embeddings, strength: float) -> Fitted:
    of = moments(train.features)
    penalty = 1 / (strength * len(train.features))
    eye = torch.eye(len(of.mean))
    factor = torch.linalg.cholesky(of.correlation + penalty / _CURVATURE * eye)
    whiten = torch.linalg.solve_triangular(factor, eye, upper=False)
    x = of.standardised(train.features)
    return Fitted(of.mean, of.std, *_minimum(x, train.known_labels(), whiten, penalty))


def _minimum(x: Tensor, labels: Tensor, whiten: Tensor, penalty: float) -> tuple[Tensor, Tensor]:
    """Weights (k, d) and bias (k,) with the least penalised loss.

    Searched for in white coordinates, in which it curves alike in all directions, nearly.
    """
    classes = int(labels.max()) + 1
    white = torch.zeros(classes, x.shape[1], requires_grad=True)
    bias = torch.zeros(classes, requires_grad=True)
    search = torch.optim.LBFGS(
        [white, bias],
        max_iter=_STEPS,
        tolerance_grad=_TOLERANCE,
        tolerance_change=0.0,
        history_size=20,
        line_search_fn="strong_wolfe",
    )

    def loss() -> Tensor:
        search.zero_grad()
        weights = white @ whiten
        size = weights.square().sum() * penalty / 2
        value = F.cross_entropy(F.linear(x, weights, bias), labels) + size
        value.backward()
        return value

    search.step(loss)
    return (white @ whiten).detach(), bias.detach()
