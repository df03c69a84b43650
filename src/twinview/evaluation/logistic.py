"""Multinomial logistic regression: the linear probe's fit, kept for use too."""

from dataclasses import dataclass
from weakref import WeakKeyDictionary

import torch
import torch.nn.functional as F
from torch import Tensor

from twinview.core.types import Embeddings
from twinview.evaluation.moments import moments

# Typical p(1 - p) of a class: how much of the features' covariance the loss's curvature is.
_CURVATURE = 0.05
_STEPS, _STEPS_OF_FLOAT64 = 30, 100
# The largest gradient at the end, but never more than a tenth of the penalty, which a minimum
# balances: at a weak penalty all gradients are small.
_TOLERANCE = 1e-5


@dataclass(frozen=True)
class LogisticModel:
    """A fitted probe: mean and std (d,) that standardise features; weights (k, d) and bias (k,)."""

    mean: Tensor
    std: Tensor
    weights: Tensor
    bias: Tensor

    def logits(self, features: Tensor) -> Tensor:
        """(m, d) to (m, k): a softmax over the classes gives their probabilities."""
        return F.linear((features - self.mean) / self.std, self.weights, self.bias)


_fits: WeakKeyDictionary[Embeddings, dict[float, LogisticModel]] = WeakKeyDictionary()


def fit(train: Embeddings, strength: float) -> LogisticModel:
    """The probe of these rows, kept as long as they; it knows the classes up to their largest."""
    known = _fits.setdefault(train, {})
    if strength not in known:
        known[strength] = _fit(train, strength)
    return known[strength]


def _fit(train: Embeddings, strength: float) -> LogisticModel:
    of, width = moments(train.features), train.features.shape[1]
    penalty = 1 / (strength * len(train.features))
    # What float32 may take off an eigenvalue of the correlation, whose trace is the width. Under a
    # penalty as small as that neither its factor nor the gradient near the minimum are known.
    ridge, rounding = penalty / _CURVATURE, 2 * torch.finfo(torch.float32).eps * width
    precision = torch.float32 if ridge > rounding else torch.float64
    eye = torch.eye(width, dtype=precision)
    factor = torch.linalg.cholesky(of.correlation.to(precision) + max(ridge, rounding) * eye)
    whiten = torch.linalg.solve_triangular(factor, eye, upper=False)
    x = of.standardised(train.features).to(precision)
    weights, bias = _minimum(x, train.required_labels(), whiten, penalty)
    return LogisticModel(of.mean, of.std, weights.float(), bias.float())


def _minimum(x: Tensor, labels: Tensor, whiten: Tensor, penalty: float) -> tuple[Tensor, Tensor]:
    """Weights (k, d) and bias (k,) with the least penalised loss, in the precision of x.

    Optimised in whitened coordinates, where the loss is almost isotropic: L-BFGS needs few steps.
    """
    classes = int(labels.max()) + 1
    white = x.new_zeros(classes, x.shape[1]).requires_grad_()
    bias = x.new_zeros(classes).requires_grad_()
    search = torch.optim.LBFGS(
        [white, bias],
        max_iter=_STEPS if x.dtype == torch.float32 else _STEPS_OF_FLOAT64,
        tolerance_grad=min(_TOLERANCE, penalty / 10),
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
