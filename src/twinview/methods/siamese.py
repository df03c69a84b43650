"""One encoder and head on both views, under any objective of objectives/."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor, nn

from twinview.core import declare, registry
from twinview.core.errors import ConfigError, DataError
from twinview.core.types import PairLabels
from twinview.learning.parts import Method, Siamese, output_width
from twinview.settings.params import Params

Objective = partial[Any]  # of tensors
Labels = Tensor | PairLabels | None


def siamese(
    encoder: nn.Module,
    head: nn.Module,
    objective: Objective,
    *,
    positives: Literal["views", "classes", "pairs"],
) -> Method:
    """Learns by the objective that pretrain.objective names, with the options under `objectives`.

    An objective that may have a queue of negatives does without. positives: what belongs together,
    the views of an example; all examples of a class, and DataError is raised for unlabelled data;
    or the pairs of data.pairs that are alike, and the others do not (Hadsell, CVPR 2006).
    ConfigError for an objective that declares no such positives, or whose
    options rule them out (nt_logistic's semi_hard, for pairs). Chance is the objective of short
    embeddings that are (nearly) all alike, of pairs as if half were, of classes as if no two
    examples had the same: for a loss with a margin that margin, below which a training has to come.
    """
    declared = _declared(objective.func.__name__)
    if positives not in declared.positives:
        raise ConfigError(_refusal(objective.func.__name__, positives))
    objective = partial(objective, **declared.without)

    def own(z: Tensor, labels: Tensor | None) -> Tensor:
        loss: Tensor = objective(z, _alike(labels, positives))
        return loss

    chance = partial(_chance, objective, positives, output_width(head, "siamese"))
    chance(4)  # what its options refuse is told before work starts
    return Siamese(
        encoder,
        head,
        own,
        chance,
        views=2,
        supervised=positives != "views",
        pairs=positives == "pairs",
    )


def _check(options: Mapping[str, Any], settings: Params) -> Iterator[str]:
    if options["positives"] == "pairs" and settings.data.pairs is None:
        yield "data.pairs: is null, but methods.siamese.positives is 'pairs'; name a file"


DECLARES = declare.Method(negatives=None, objective=True, check=_check)


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


def _declared(name: str) -> declare.Objective:
    found = registry.declaration("objectives", name)
    assert isinstance(found, declare.Objective)
    return found


def _refusal(name: str, positives: str) -> str:
    able = [one for one in registry.names("objectives") if positives in _declared(one).positives]
    return (
        f"pretrain.objective: is {name!r}, which cannot learn from {positives} "
        f"(methods.siamese.positives); set it to one of {', '.join(able)}"
    )
