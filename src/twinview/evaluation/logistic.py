"""Multinomial logistic regression: the linear probe.

The minimum is that of scikit-learn's LogisticRegression with an L2 penalty. It is found by L-BFGS
in whitened coordinates, where the loss is almost isotropic, so that few steps are enough.
"""

from dataclasses import dataclass
from weakref import WeakKeyDictionary

import torch
import torch.nn.functional as F
from torch import Tensor

from twinview.core import mapped
from twinview.core.types import Embeddings
from twinview.evaluation.moments import moments

# A typical p(1 - p) of a class: the loss's curvature is this share of the features' covariance.
_CURVATURE = 0.05
_STEPS, _STEPS_OF_FLOAT64 = 30, 100
# The largest gradient at the end. At a weak penalty all gradients are small, so that the limit is
# never more than a tenth of the penalty, which balances the gradient at the minimum.
_TOLERANCE = 1e-5


@dataclass(frozen=True)
class LogisticModel:
    """A fitted linear probe.

    mean, std: (d,), by which features are standardised. weights: (k, d). bias: (k,).
    """

    mean: Tensor
    std: Tensor
    weights: Tensor
    bias: Tensor

    def logits(self, features: Tensor) -> Tensor:
        """The logits (m, k) of features (m, d); their softmax gives the probabilities."""
        return mapped.join(
            F.linear((x - self.mean) / self.std, self.weights, self.bias)
            for x in mapped.blocks(features)
        )


_fits: WeakKeyDictionary[Embeddings, dict[float, LogisticModel]] = WeakKeyDictionary()


def fit(train: Embeddings, C: float) -> LogisticModel:
    """The probe of these rows; it is kept as long as they are.

    C: the inverse of the L2 penalty, as in scikit-learn. The probe has classes up to the
    largest label.
    """
    fits = _fits.setdefault(train, {})
    if C not in fits:
        fits[C] = _fit(train, C)
    return fits[C]


def _fit(train: Embeddings, C: float) -> LogisticModel:
    scale, width = moments(train.features), train.features.shape[1]
    penalty = 1 / (C * len(train.features))
    # `rounding` is float32's error in an eigenvalue of the correlation, whose trace is the width.
    # Under a penalty as small as that, float32 gives neither the Cholesky factor nor the gradient
    # near the minimum.
    ridge, rounding = penalty / _CURVATURE, 2 * torch.finfo(torch.float32).eps * width
    precision = torch.float32 if ridge > rounding else torch.float64
    identity = torch.eye(width, dtype=precision)
    factor = torch.linalg.cholesky(
        scale.correlation.to(precision) + max(ridge, rounding) * identity
    )
    whiten = torch.linalg.solve_triangular(factor, identity, upper=False)
    x = scale.standardised(train.features).to(precision)
    weights, bias = _minimum(x, train.required_labels(), whiten, penalty)
    return LogisticModel(scale.mean, scale.std, weights.float(), bias.float())


def _minimum(x: Tensor, labels: Tensor, whiten: Tensor, penalty: float) -> tuple[Tensor, Tensor]:
    """The weights (k, d) and bias (k,) with the smallest penalised loss, in the precision of x.

    whiten: (d, d), maps x to whitened coordinates. The loss is almost isotropic in them, so that
    L-BFGS needs few steps.
    """
    classes = int(labels.max()) + 1
    whitened = x.new_zeros(classes, x.shape[1]).requires_grad_()
    bias = x.new_zeros(classes).requires_grad_()
    search = torch.optim.LBFGS(
        [whitened, bias],
        max_iter=_STEPS if x.dtype == torch.float32 else _STEPS_OF_FLOAT64,
        tolerance_grad=min(_TOLERANCE, penalty / 10),
        tolerance_change=0.0,
        history_size=20,
        line_search_fn="strong_wolfe",
    )

    def loss() -> Tensor:
        search.zero_grad()
        weights = whitened @ whiten
        decay = weights.square().sum() * penalty / 2
        value = F.cross_entropy(F.linear(x, weights, bias), labels) + decay
        value.backward()
        return value

    search.step(loss)
    return (whitened @ whiten).detach(), bias.detach()
