"""SupCon: all views of a class agree, and differ from other classes (arXiv 2004.11362)."""

import math
from functools import partial
from typing import Annotated

from annotated_types import Ge, Gt
from torch import Tensor, nn

from twinview.core import declare
from twinview.core.errors import DataError
from twinview.learning.parts import Method, Siamese
from twinview.objectives.sup_con import sup_con as objective


def sup_con(
    encoder: nn.Module,
    head: nn.Module,
    *,
    temperature: Annotated[float, Gt(0)],
    views: Annotated[int, Ge(2)],
) -> Method:
    """Trains one encoder and head on all views by SupCon with labels.

    Raises DataError for unlabelled data.

    Parameters
    ----------
    encoder, head : as in learning.parts.Method.
    temperature : divides the cosines. SupCon uses .1.
    views : how many views of each example are encoded. SupCon uses 2.
    """
    loss = partial(_labelled, temperature=temperature)
    return Siamese(
        encoder, head, loss, chance=lambda n: math.log(views * n - 1), views=views, supervised=True
    )


DECLARES = declare.Method(negatives=lambda n, alike, options: options["views"] * (n - alike))


def _labelled(z: Tensor, labels: Tensor | None, temperature: float) -> Tensor:
    if labels is None:
        raise DataError.at(
            "methods.sup_con",
            "learns from labels, and this data has none",
            "choose methods.simclr, which is the same without labels",
        )
    return objective(z, labels, temperature=temperature)
