"""Barlow Twins: a feature correlates across views, and with no other feature (2103.03230)."""

from functools import partial
from typing import Annotated

from annotated_types import Gt
from torch import nn

from twinview.core import declare
from twinview.learning.parts import Method, Siamese, output_width
from twinview.objectives.barlow_twins import barlow_twins as objective


def barlow_twins(
    encoder: nn.Module, head: nn.Module, *, off_diagonal: Annotated[float, Gt(0)]
) -> Method:
    """Trains one encoder and head on both views by the objective barlow_twins.

    At chance, and after a collapse, each output of the head costs 1.

    Parameters
    ----------
    encoder, head : as in learning.parts.Method.
    off_diagonal : the weight of the correlations of different features. The paper uses .005.
    """
    width = float(output_width(head, "barlow_twins"))
    loss = partial(objective, off_diagonal=off_diagonal)
    return Siamese(encoder, head, loss, chance=lambda n: width, views=2)


DECLARES = declare.Method(
    negatives=None,
    opts_out={"negatives": "it compares features over the batch, not examples"},
)
