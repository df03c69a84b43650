"""Few labels: the linear probe learns from a few drawn labels of each class.

An entry, such as labels_10, is a number of labels. Its accuracy is the mean over several draws.
"""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Annotated, Any

from annotated_types import Ge, Gt, Len
from torch import Tensor

from twinview.core import declare
from twinview.evaluation import label_counts
from twinview.evaluation.contender import Contender, Result
from twinview.evaluation.label_draws import READ_SPLITS, mean_over_draws
from twinview.settings.params import Params
from twinview.settings.ranges import oversized
from twinview.settings.sections import Count, Distinct, Seed


def few_labels(
    contender: Contender,
    *,
    per_class: Annotated[tuple[Count, ...], Len(1), Distinct],
    draws: Annotated[int, Ge(2)],
    C: Annotated[float, Gt(0)],
    seed: Seed,
) -> dict[str, Result]:
    """The accuracy and the macro F1 for each number of labels.

    Parameters
    ----------
    contender : the features.
    per_class : how many labels a class has.
    draws : how often they are drawn.
    C : the inverse of the linear probe's L2 penalty. It is fixed: a few labels choose badly.
    seed : the seed of the draws, which are the same for all contenders.
    """
    parts, probe = contender.labelled, partial(contender.probe("linear"), C=C)

    def predict(rows: Tensor) -> dict[str, Tensor]:
        known = parts["train"].take(rows)  # once for both splits, since a fit is kept with its rows
        return {name: probe(known, parts[name].features).argmax(1) for name in READ_SPLITS}

    measure = partial(mean_over_draws, classes=contender.classes, task="few_labels")
    return {
        f"labels_{count}": measure(parts, predict, count, draws, seed)
        for count in contender.progress(per_class, len(per_class), "evaluate: few labels")
    }


def _check(options: Mapping[str, Any], settings: Params) -> Iterator[str]:
    yield from oversized("tasks.few_labels.per_class", max(options["per_class"]), "train", settings)


DECLARES = declare.Task(
    check=_check,
    entries=partial(label_counts.entries, "labels", "labels a class"),
    measures=label_counts.MEASURES,
    primary="accuracy",
    needs_labels=True,
    could_have=partial(label_counts.is_entry, "labels"),
    lists=("per_class",),
    check_counts=partial(label_counts.check, task="few_labels"),
    quick={"per_class": [2, 5], "draws": 2},
)
