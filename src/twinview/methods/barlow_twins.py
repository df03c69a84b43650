"""Barlow Twins: each feature agrees across views, and with no other feature (arXiv 2103.03230)."""

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
    """One encoder and head on both views, under the correlation loss. Paper: off_diagonal .005.

    By chance, and collapsed, each of the head's outputs costs 1; 'slow' means nine tenths of that.
    """
    width = float(output_width(head, "barlow_twins"))
    own = partial(objective, off_diagonal=off_diagonal)
    return Siamese(encoder, head, own, chance=lambda n: width, views=2)


DECLARES = declare.Method(
    negatives=None,
    opts_out={"negatives": "it compares features over the batch, not examples"},
)
