"""VICReg: views agree, and features vary without being correlated (arXiv 2105.04906)."""

from functools import partial
from typing import Annotated

from annotated_types import Ge, Gt
from torch import nn

from twinview.core import declare
from twinview.learning.parts import Method, Siamese
from twinview.objectives.vicreg import vicreg as objective


def vicreg(
    encoder: nn.Module,
    head: nn.Module,
    *,
    invariance_weight: Annotated[float, Gt(0)],
    variance_weight: Annotated[float, Gt(0)],
    covariance_weight: Annotated[float, Ge(0)],
) -> Method:
    """Trains one encoder and head on both views by the objective vicreg.

    Chance is the loss after a collapse, .99 variance_weight. Random embeddings may cost more.

    Parameters
    ----------
    encoder, head : as in learning.parts.Method.
    invariance_weight : of the squared difference of the views. The paper uses 25.
    variance_weight : of what each feature's standard deviation lacks to 1. The paper uses 25.
    covariance_weight : of the squared covariances of different features. The paper uses 1.
    """
    loss = partial(
        objective,
        invariance_weight=invariance_weight,
        variance_weight=variance_weight,
        covariance_weight=covariance_weight,
    )
    return Siamese(encoder, head, loss, chance=lambda n: 0.99 * variance_weight, views=2)


DECLARES = declare.Method(
    negatives=None,
    opts_out={
        "negatives": "it compares features over the batch, not examples",
        "float16 gradient": "it grows with the cube of the embeddings",
    },
)
