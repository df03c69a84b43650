"""SimCLR: views of an example agree, and differ from all others (arXiv 2002.05709)."""

import math
from functools import partial
from typing import Annotated

from annotated_types import Ge, Gt
from torch import nn

from twinview.core import declare
from twinview.learning.parts import Method, Siamese
from twinview.objectives.nt_xent import nt_xent


def simclr(
    encoder: nn.Module,
    head: nn.Module,
    *,
    temperature: Annotated[float, Gt(0)],
    views: Annotated[int, Ge(2)],
) -> Method:
    """Trains one encoder and head on all views by NT-Xent.

    Parameters
    ----------
    encoder, head : as in learning.parts.Method.
    temperature : divides the cosines. SimCLR uses .1 to .5.
    views : how many views of each example are encoded. SimCLR uses 2; the loss of more is the mean
        over their pairs.
    """
    objective = partial(nt_xent, temperature=temperature)
    return Siamese(encoder, head, objective, chance=lambda n: math.log(2 * n - 1), views=views)


DECLARES = declare.Method(negatives=lambda n, alike, options: 2 * n - 2)
