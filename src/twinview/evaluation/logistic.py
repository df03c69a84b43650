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
from twinview.evaluation.moments import Scale, gram, moments, scale_of

# A typical p(1 - p) of a class: the loss's curvature is this share of the features' covariance.
_CURVATURE = 0.05
_STEPS, _STEPS_OF_FLOAT64 = 16, 100
# The largest gradient at the end. At a weak penalty all gradients are small, so that the limit is
# never more than a tenth of the penalty, which balances the gradient at the minimum.
_TOLERANCE = 1e-5
_ROWS = 1024  # rows whose loss and gradient are computed at once, so that they are read once


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
    labels, penalty = train.required_labels(), 1 / (C * len(train.features))
    scale, x, correlation, axes = _standardised(train.features)
    factor, precision = _factor(correlation, penalty / _CURVATURE, train.features.shape[1])
    found = _minimum(x.to(precision), labels, factor, penalty)
    weights, bias = (values.float() for values in found)
    # A file holds rows one after the other; another order in memory would give other last bits.
    weights = (weights if axes is None else weights @ axes.T).contiguous()
    return LogisticModel(*scale, weights, bias)


def _standardised(features: Tensor) -> tuple[Scale, Tensor, Tensor, Tensor | None]:
    """The scale of features (n, d), the standardised rows, their correlation, and axes or None.

    With fewer rows than features the weights lie in the span of the rows. The rows (n, n) and their
    correlation are then given along orthonormal axes (d, n) of the span.
    """
    if len(features) < features.shape[1]:
        scale = scale_of(features)
        axes, rows = torch.linalg.qr(scale.standardised(features).T)
        return scale, rows.T.contiguous(), gram(rows.T) / len(features), axes
    _, scale, correlation = moments(features)
    return scale, scale.standardised(features), correlation, None


def _factor(correlation: Tensor, ridge: float, trace: int) -> tuple[Tensor, torch.dtype]:
    """The Cholesky factor of the correlation with a ridge, in the precision that it needs.

    trace: of the correlation, the number of features.
    """
    # `rounding` is float32's error in an eigenvalue of the correlation.
    # Under a penalty as small as that, float32 gives neither the Cholesky factor nor the gradient
    # near the minimum.
    rounding = 2 * torch.finfo(torch.float32).eps * trace
    precision = torch.float32 if ridge > rounding else torch.float64
    ridges = max(ridge, rounding) * torch.eye(len(correlation), dtype=precision)
    return torch.linalg.cholesky(correlation.to(precision) + ridges), precision


@torch.no_grad()
def _minimum(x: Tensor, labels: Tensor, factor: Tensor, penalty: float) -> tuple[Tensor, Tensor]:
    """The weights (k, d) and bias (k,) with the smallest penalised loss, in the precision of x.

    factor: (d, d), lower triangular. The loss is almost isotropic in the coordinates weights @
    factor, so that L-BFGS needs few steps.
    """
    classes = int(labels.max()) + 1
    whitened, bias = x.new_zeros(classes, x.shape[1]), x.new_zeros(classes)
    search = torch.optim.LBFGS(
        [whitened, bias],
        max_iter=_STEPS if x.dtype == torch.float32 else _STEPS_OF_FLOAT64,
        tolerance_grad=min(_TOLERANCE, penalty / 10),
        tolerance_change=0.0,
        history_size=20,
        line_search_fn="strong_wolfe",
    )

    def unwhitened() -> Tensor:
        found: Tensor = torch.linalg.solve_triangular(factor, whitened, upper=False, left=False)
        return found

    def loss() -> Tensor:
        weights = unwhitened()
        value, gradient, bias.grad = _cross_entropy(x, labels, weights, bias)
        gradient += penalty * weights
        slope = torch.linalg.solve_triangular(factor.T, gradient, upper=True, left=False)
        whitened.grad = slope.contiguous()
        return value + weights.square().sum() * penalty / 2

    search.step(loss)
    return unwhitened(), bias


def _cross_entropy(
    x: Tensor, labels: Tensor, weights: Tensor, bias: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """The mean cross-entropy, and its gradients by the weights (k, d) and the bias (k,)."""
    value, gradient, slope = x.new_zeros(()), torch.zeros_like(weights), torch.zeros_like(bias)
    for rows, wanted in zip(x.split(_ROWS), labels.split(_ROWS), strict=True):
        logarithms = F.linear(rows, weights, bias).log_softmax(1)
        value += F.nll_loss(logarithms, wanted, reduction="sum")
        residuals = logarithms.exp()
        residuals[torch.arange(len(rows)), wanted] -= 1
        gradient.addmm_(residuals.T, rows)
        slope += residuals.sum(0)
    return value / len(x), gradient / len(x), slope / len(x)
