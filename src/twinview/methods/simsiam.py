"""SimSiam: predict the projection of the other view (arXiv 2011.10566, eq. 1 to 4)."""

from typing import Annotated

from annotated_types import Ge
from torch import nn

from twinview.core import declare
from twinview.learning.parts import Method, output_width, predictor
from twinview.learning.stop_gradient import StopGradient


def simsiam(
    encoder: nn.Module, head: nn.Module, *, predictor_hidden: Annotated[int, Ge(1)]
) -> Method:
    """Trains each view's prediction of the other view's projection: 1 - cosine.

    The loss is 1 at chance. A collapsed encoder reaches 0, which the monitors detect. The head
    needs batch norm. There are no negatives, and there is no slow copy. The predictor has the same
    learning rate as all other weights, whereas SimSiam keeps it constant.

    Parameters
    ----------
    encoder, head : as in learning.parts.Method.
    predictor_hidden : the width of the predictor's hidden layer. SimSiam uses 512, a quarter of the
        head's outputs.
    """
    predict = predictor(output_width(head, "simsiam"), predictor_hidden)
    return StopGradient(encoder, head, predict, views=2)


DECLARES = declare.Method(
    negatives=None,
    opts_out={
        "negatives": "a view predicts the other of the same example",
        "chance": "all alike is the minimum; chance is two unrelated directions",
    },
)
