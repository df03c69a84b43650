"""Multinomial logistic regression: the linear probe's fit, kept for use too."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

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


def fit(train: Embeddings, strength: float) -> Fitted:
    """The probe of these rows; it knows the classes up to their largest label."""
    std, mean = torch.std_mean(train.features, dim=0, correction=0)
    std = torch.where(std > 1e-6, std, torch.ones_like(std))
    x = (train.features - mean) / std
    penalty = 1 / (strength * len(x))
    eye = torch.eye(x.shape[1])
    factor = torch.linalg.cholesky(x.T @ x / len(x) + penalty / _CURVATURE * eye)
    whiten = torch.linalg.solve_triangular(factor, eye, upper=False)
    weights, bias = _minimum(x @ whiten.T, train.known_labels(), whiten, penalty)
    return Fitted(mean, std, weights @ whiten, bias)


def _minimum(
    white: Tensor, labels: Tensor, whiten: Tensor, penalty: float
) -> tuple[Tensor, Tensor]:
    """Weights (k, d) in white coordinates and bias (k,) with the least penalised loss."""
    classes = int(labels.max()) + 1
    weights = torch.zeros(classes, white.shape[1], requires_grad=True)
    bias = torch.zeros(classes, requires_grad=True)
    search = torch.optim.LBFGS(
        [weights, bias],
        max_iter=_STEPS,
        tolerance_grad=_TOLERANCE,
        tolerance_change=0.0,
        history_size=20,
        line_search_fn="strong_wolfe",
    )

    def loss() -> Tensor:
        search.zero_grad()
        size = (weights @ whiten).square().sum() * penalty / 2
        value = F.cross_entropy(F.linear(white, weights, bias), labels) + size
        value.backward()
        return value

    search.step(loss)
    return weights.detach(), bias.detach()
