"""The linear probe: multinomial logistic regression of frozen, standardised features."""

from typing import Annotated

from annotated_types import Gt
from torch import Tensor

from twinview.core.types import Embeddings
from twinview.evaluation.logistic import fit


def linear(train: Embeddings, features: Tensor, *, C: Annotated[float, Gt(0)]) -> Tensor:
    """The probability of each class, (m, k) float64; the largest is the prediction.

    It minimises the summed cross-entropy plus |W|^2 / (2 C), as scikit-learn's
    LogisticRegression does, and stops after 16 steps of L-BFGS, when the accuracy has settled long
    since. A penalty too weak for float32 gets float64 and 100 steps.

    Parameters
    ----------
    train : labelled features; all features are standardised by them.
    features : (m, d).
    C : the inverse of the L2 penalty, as in scikit-learn.
    """
    return fit(train, C).logits(features).double().softmax(1)
