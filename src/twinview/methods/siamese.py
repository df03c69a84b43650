"""One encoder and head on both views, under any objective of objectives/."""

import inspect
from collections.abc import Callable
from functools import partial
from typing import Annotated

import torch
from torch import Tensor, nn

from twinview.errors import DataError
from twinview.parts import Method, Siamese, outputs
from twinview.sections import OneOf

Objective = Callable[..., Tensor]


def siamese(
    encoder: nn.Module,
    head: nn.Module,
    *,
    objective: Annotated[Objective, OneOf("objectives")],
    labelled: bool,
) -> Method:
    """Learns by the objective that params.yaml names, with the options under `objectives`.

    An objective that may have a queue of negatives does without. labelled: examples of a class
    belong together, not only views of an example; raises DataError for unlabelled data. Chance is
    the objective of embeddings that are (nearly) all alike: for a loss with a margin that margin,
    below which a training has to come.
    """

    def own(z: Tensor, labels: Tensor | None) -> Tensor:
        if labelled and labels is None:
            raise DataError(
                "methods.siamese.labelled is true, and this data has no labels; set it to false"
            )
        return objective(z, labels if labelled else None)

    if "queue" in inspect.signature(objective).parameters:
        objective = partial(objective, queue=None)
    width = outputs(head, "siamese")
    return Siamese(encoder, head, own, lambda n: _chance(objective, n, width), views=2)


def _chance(objective: Objective, n: int, width: int) -> float:
    """With a little noise, since some objectives standardise what they get."""
    noise = torch.randn(2, n, width, generator=torch.Generator().manual_seed(0))
    return objective(1 + 0.001 * noise, torch.arange(n)).item()
