"""Label propagation: a few drawn labels of each class spread over the unlabelled train rows.

An entry, such as propagated_10, is a number of labels. Its accuracy is the mean over several draws.
evaluation/label_graph.py has the equations and their papers.
"""

import functools
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Annotated, Any

from annotated_types import Ge, Gt, Len, Lt
from scipy import sparse
from torch import Tensor

from twinview.core import declare
from twinview.core.types import Embeddings, labelled_rows
from twinview.evaluation import label_counts
from twinview.evaluation.contender import Contender, Result
from twinview.evaluation.label_draws import READ_SPLITS, LabelPredictor, mean_over_draws
from twinview.evaluation.label_graph import LabelGraph
from twinview.settings.params import Params
from twinview.settings.ranges import oversized
from twinview.settings.sections import Count, Distinct, Seed


def propagation(
    contender: Contender,
    *,
    per_class: Annotated[tuple[Count, ...], Len(1), Distinct],
    draws: Annotated[int, Ge(2)],
    neighbours: Count,
    pca_components: Annotated[int, Ge(0)],
    alpha: Annotated[float, Gt(0), Lt(1)],
    seed: Seed,
) -> dict[str, Result]:
    """The accuracy and the macro F1 for each number of labels.

    Parameters
    ----------
    contender : the features.
    per_class : how many labels a class has.
    draws : how often they are drawn.
    neighbours : the number of nearest neighbours that each train row is linked to.
    pca_components : the number of whitened principal components between which cosines are taken;
        0 takes cosines between the features as they are.
    alpha : the share of a row's score that comes from its neighbours; both papers use .99.
    seed : the seed of the draws, which are the same for all contenders.
    """
    predict = _predictor(contender.parts, neighbours, pca_components, alpha)
    measure = partial(mean_over_draws, classes=contender.classes, task="propagation")
    return {
        f"propagated_{count}": measure(contender.labelled, predict, count, draws, seed)
        for count in contender.progress(per_class, len(per_class), "evaluate: propagation")
    }


def _predictor(
    parts: Mapping[str, Embeddings], neighbours: int, pca_components: int, alpha: float
) -> LabelPredictor:
    """Predicts labels by propagation over all train rows, with a label or without.

    Rows of validation and test are no nodes of the graph, so that each is classified by itself.
    The graph is built when it is first asked for, since that takes a while.
    """
    train, nodes = parts["train"], labelled_rows(parts["train"].labels)
    asked = {name: parts[name].labelled() for name in READ_SPLITS}
    sizes = [len(asked[name]) for name in READ_SPLITS]

    @functools.cache
    def build() -> tuple[LabelGraph, sparse.csr_array]:
        graph = LabelGraph(train.features, neighbours=neighbours, pca_components=pca_components)
        return graph, sparse.vstack([graph.votes(asked[name].features) for name in READ_SPLITS])

    def predict(rows: Tensor) -> dict[str, Tensor]:
        graph, votes = build()
        known = nodes[rows]
        labels = graph.propagate(known, train.take(known).required_labels(), votes, alpha)
        return dict(zip(READ_SPLITS, labels.split(sizes), strict=True))

    return predict


def _check(options: Mapping[str, Any], settings: Params) -> Iterator[str]:
    most = {"per_class": max(options["per_class"]), "neighbours": options["neighbours"]}
    for option, value in most.items():
        yield from oversized(f"tasks.propagation.{option}", value, "train", settings)


DECLARES = declare.Task(
    check=_check,
    entries=partial(label_counts.entries, "propagated", "labels a class, propagated"),
    measures=label_counts.MEASURES,
    primary="accuracy",
    needs_labels=True,
    could_have=partial(label_counts.is_entry, "propagated"),
    lists=("per_class",),
    check_counts=partial(label_counts.check, task="propagation"),
    quick={"per_class": [2, 5], "draws": 2, "neighbours": 5, "pca_components": 2},
)
