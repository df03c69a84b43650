"""FastSiam: predict the mean of the other views (doi 10.1007/978-3-031-16788-1_4)."""

from typing import Annotated

from annotated_types import Ge
from torch import nn

from twinview.core import declare
from twinview.learning.parts import Method, output_width, predictor
from twinview.learning.stop_gradient import StopGradient


def fast_siam(
    encoder: nn.Module,
    head: nn.Module,
    *,
    views: Annotated[int, Ge(2)],
    predictor_hidden: Annotated[int, Ge(1)],
) -> Method:
    """Trains each view's prediction of the mean projection of the others: 1 - cosine.

    It is simsiam with more views, so that the target of a prediction varies less. Chance, collapse
    and the predictor's learning rate are as in simsiam.

    Parameters
    ----------
    encoder, head : as in learning.parts.Method.
    views : how many views of each example are encoded. FastSiam uses 4; 2 is the method simsiam.
    predictor_hidden : the width of the predictor's hidden layer. SimSiam uses a quarter of the
        head's outputs.
    """
    predict = predictor(output_width(head, "fast_siam"), predictor_hidden)
    return StopGradient(encoder, head, predict, views)


DECLARES = declare.Method(
    negatives=None,
    opts_out={
        "negatives": "a view predicts the others of the same example",
        "chance": "all alike is the minimum; chance is two unrelated directions",
    },
)
