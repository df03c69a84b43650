"""One encoder and head on both views, under any objective of objectives/."""

import inspect
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Literal, get_args, get_type_hints

import torch
from torch import Tensor, nn

from twinview.core import registry
from twinview.core.errors import ConfigError, DataError
from twinview.core.types import PairLabels
from twinview.learning.parts import Method, Siamese, outputs
from twinview.settings.sections import OneOf

Objective = partial[Any]  # of tensors; an option names no PyTorch, to be read without it
Labels = Tensor | PairLabels | None


def siamese(
    encoder: nn.Module,
    head: nn.Module,
    *,
    objective: Annotated[Objective, OneOf("objectives")],
    positives: Literal["views", "classes", "pairs"],
) -> Method:
    """Learns by the objective that params.yaml names, with the options under `objectives`.

    An objective that may have a queue of negatives does without. positives: what belongs together,
    the views of an example; all examples of a class, and DataError is raised for unlabelled data;
    or the pairs of data.pairs that are alike, and the others do not (Hadsell, CVPR 2006).
    ConfigError for an objective that does not look at them (its labels' type tells), or whose
    options rule them out (nt_logistic's semi_hard, for pairs). Chance is the objective of short
    embeddings that are (nearly) all alike, of pairs as if half were, of classes as if no two
    examples had the same: for a loss with a margin that margin, below which a training has to come.
    """

    def own(z: Tensor, labels: Tensor | None) -> Tensor:
        loss: Tensor = objective(z, _alike(labels, positives))
        return loss

    _require_use(objective, positives)
    if "queue" in inspect.signature(objective).parameters:
        objective = partial(objective, queue=None)
    chance = partial(_chance, objective, positives, outputs(head, "siamese"))
    chance(4)  # what its options refuse is told before work starts
    return Siamese(encoder, head, own, chance, views=2, supervised=positives != "views")


def _alike(labels: Tensor | None, positives: str) -> Labels:
    """What the objective is told: nothing, the classes, or which pairs are alike."""
    if positives == "views":
        return None
    if labels is None:
        raise DataError(
            f"methods.siamese.positives is {positives!r}, and this data has no labels; set it "
            "to views"
        )
    return labels if positives == "classes" else PairLabels(labels == 1)


def _chance(objective: Objective, positives: str, width: int, n: int) -> float:
    """Short, as some count length; with a little noise, as among equals none is semi_hard."""
    noise = torch.randn(2, n, width, generator=torch.Generator().manual_seed(0))
    places = torch.arange(n)
    labels: Labels = PairLabels(places % 2 == 0) if positives == "pairs" else places
    return float(objective(0.01 * (1 + 0.001 * noise), labels))


def _require_use(objective: Objective, positives: str) -> None:
    """Raises ConfigError unless the objective's signature says that it takes these positives."""
    wanted = {"views": None, "classes": Tensor, "pairs": PairLabels}[positives]
    if wanted and not _takes(objective.func, wanted):
        able = [
            n
            for n in registry.names("objectives")
            if _takes(registry.find("objectives", n), wanted)
        ]
        raise ConfigError(
            f"methods.siamese.objective: is {objective.func.__name__!r}, which cannot learn from "
            f"{positives} (methods.siamese.positives); set it to one of {', '.join(able)}"
        )


def _takes(objective: Callable[..., Tensor], kind: type) -> bool:
    labels = get_type_hints(objective)["labels"]
    return kind in (get_args(labels) or (labels,))
