"""One encoder and head on all views, with any objective of objectives/."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Annotated, Any, Literal

import torch
from annotated_types import Ge
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
    views: Annotated[int, Ge(2)],
) -> Method:
    """Trains by the objective of pretrain.objective, with its options under `objectives`.

    Chance is the objective of short embeddings that are (nearly) all alike. Half of the pairs count
    as alike there, and no two examples have the same class. For a loss with a margin, chance is
    that margin.

    Parameters
    ----------
    encoder, head : as in learning.parts.Method.
    objective : with its options bound; an optional queue of negatives is not used.
    positives : views: the views of an example. classes: all examples of a class; DataError is
        raised for unlabelled data. pairs: the pairs of data.pairs that are alike, while the others
        are negative (Hadsell, CVPR 2006).
    views : how many views of each example are encoded; more than 2 for an objective that declares
        many_views, and not for pairs.

    Raises
    ------
    ConfigError : the objective declares no such positives or no more than two views, or its options
        rule the positives out, as nt_logistic's semi_hard does for pairs.
    """
    declared = _declaration(objective.func.__name__)
    if positives not in declared.positives:
        raise _positives_error(objective.func.__name__, positives)
    if views > 2 and (positives == "pairs" or not declared.many_views):
        raise _views_error(objective.func.__name__, positives, views)
    objective = partial(objective, **declared.without)

    def loss(z: Tensor, labels: Tensor | None) -> Tensor:
        value: Tensor = objective(z, _targets(labels, positives))
        return value

    chance = partial(_chance, objective, positives, (views, output_width(head, "siamese")))
    chance(4)  # so that an objective refuses its options before work starts
    return Siamese(
        encoder,
        head,
        loss,
        chance,
        views=views,
        supervised=positives != "views",
        pairs=positives == "pairs",
    )


def _check(options: Mapping[str, Any], settings: Params) -> Iterator[str]:
    if options["positives"] == "pairs" and settings.data.pairs is None:
        yield "data.pairs: is null, but methods.siamese.positives is 'pairs'; name a file"
    if options["positives"] == "pairs" and settings.views.positives == "group":
        yield (
            "views.positives: is 'group', but methods.siamese.positives is 'pairs', which says "
            "what the views are of; set one of them to another value"
        )


DECLARES = declare.Method(negatives=None, objective=True, check=_check)


def _targets(labels: Tensor | None, positives: str) -> Labels:
    """The objective's labels: None, the classes, or which pairs are alike."""
    if positives == "views":
        return None
    if labels is None:
        raise DataError.at(
            "methods.siamese.positives",
            f"is {positives!r}, and this data has no labels",
            "set it to views",
        )
    return labels if positives == "classes" else PairLabels(labels == 1)


def _chance(objective: Objective, positives: str, sizes: tuple[int, int], n: int) -> float:
    """The loss of embeddings that carry no information; sizes: the numbers of views and features.

    They are short, since some objectives count length, and have a little noise, since no negative
    is semi-hard among equal embeddings.
    """
    views, width = sizes
    noise = torch.randn(views, n, width, generator=torch.Generator().manual_seed(0))
    rows = torch.arange(n)
    labels: Labels = PairLabels(rows % 2 == 0) if positives == "pairs" else rows
    return float(objective(0.01 * (1 + 0.001 * noise), labels))


def _declaration(name: str) -> declare.Objective:
    declaration = registry.declaration("objectives", name)
    assert isinstance(declaration, declare.Objective)
    return declaration


def _positives_error(name: str, positives: str) -> ConfigError:
    able = _objectives(lambda declared: positives in declared.positives)
    return ConfigError.at(
        "pretrain.objective",
        f"is {name!r}, which cannot learn from {positives} (methods.siamese.positives)",
        f"set it to one of {able}",
    )


def _views_error(name: str, positives: str, views: int) -> ConfigError:
    if positives == "pairs":
        reason, other = "methods.siamese.positives is 'pairs', which are of two views", ""
    else:
        able = _objectives(lambda declared: declared.many_views)
        reason = f"pretrain.objective is {name!r}, which compares two views"
        other = f", or pretrain.objective to one of {able}"
    return ConfigError.at(
        "methods.siamese.views", f"is {views}, but {reason}", f"set it to 2{other}"
    )


def _objectives(able: Callable[[declare.Objective], bool]) -> str:
    return ", ".join(name for name in registry.names("objectives") if able(_declaration(name)))
