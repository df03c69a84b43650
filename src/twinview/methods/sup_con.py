"""SupCon: all views of a class agree, and differ from other classes (arXiv 2004.11362)."""

import math
from functools import partial
from typing import Annotated

from annotated_types import Gt
from torch import Tensor, nn

from twinview.core import declare
from twinview.core.errors import DataError
from twinview.learning.parts import Method, Siamese
from twinview.objectives.sup_con import sup_con as objective


def sup_con(encoder: nn.Module, head: nn.Module, *, temperature: Annotated[float, Gt(0)]) -> Method:
    """Trains one encoder and head on both views by SupCon with labels.

    Raises DataError for unlabelled data.

    Parameters
    ----------
    encoder, head : as in learning.parts.Method.
    temperature : divides the cosines. SupCon uses .1.
    """
    loss = partial(_labelled, temperature=temperature)
    return Siamese(
        encoder, head, loss, chance=lambda n: math.log(2 * n - 1), views=2, supervised=True
    )


DECLARES = declare.Method(negatives=lambda n, alike, options: 2 * (n - alike))


def _labelled(z: Tensor, labels: Tensor | None, temperature: float) -> Tensor:
    if labels is None:
        raise DataError.at(
            "methods.sup_con",
            "learns from labels, and this data has none",
            "choose methods.simclr, which is the same without labels",
        )
    return objective(z, labels, temperature=temperature)
