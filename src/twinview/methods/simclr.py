"""SimCLR: two views of an example agree, and differ from all others (arXiv 2002.05709)."""

import math
from functools import partial
from typing import Annotated

from annotated_types import Gt
from torch import nn

from twinview.core import declare
from twinview.learning.parts import Method, Siamese
from twinview.objectives.nt_xent import nt_xent


def simclr(encoder: nn.Module, head: nn.Module, *, temperature: Annotated[float, Gt(0)]) -> Method:
    """Trains one encoder and head on both views by NT-Xent.

    Parameters
    ----------
    encoder, head : as in learning.parts.Method.
    temperature : divides the cosines. SimCLR uses .1 to .5.
    """
    objective = partial(nt_xent, temperature=temperature)
    return Siamese(encoder, head, objective, chance=lambda n: math.log(2 * n - 1), views=2)


DECLARES = declare.Method(negatives=lambda n, alike, options: 2 * n - 2)
