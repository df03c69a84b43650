"""The protocol "frozen-3", the same for every contender.

Features are frozen. Each probe is fitted on train, and its options are chosen by the accuracy on
validation. The probe is then fitted on train and validation with the chosen options, and test is
read once. The encoder is that of the final epoch. For few labels, the linear probe has a fixed
strength and is fitted on drawn train rows. Label propagation, unless it is left out, also sees the
other train rows, without their labels. All contenders get the same draws.

The accuracy on validation, of the same fits on train alone, stands beside every accuracy on test:
`compare` picks the best of several encoders by it.
"""

import functools
import itertools
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from scipy import sparse
from torch import Tensor

from twinview.core import randomness, registry
from twinview.core.errors import ConfigError
from twinview.core.types import Embeddings
from twinview.data.splits import require_labels
from twinview.evaluation.label_graph import LabelGraph
from twinview.evaluation.logistic import LogisticModel, fit
from twinview.evaluation.metrics import accuracy, classification_metrics
from twinview.settings.sections import (
    PROBED,
    PROPAGATED,
    VALIDATION,
    Evaluate,
    Propagation,
)

PROTOCOL = "frozen-3"

# A probe: (train, features, *, its options) to predicted labels.
ProbeFunction = Callable[..., Tensor]
# Maps the numbers of the train rows whose labels it may use to predicted labels of READ_SPLITS.
LabelPredictor = Callable[[Tensor], Mapping[str, Tensor]]
READ_SPLITS = ("validation", "test")  # the splits on which few labels are evaluated
LINEAR = "linear"  # the probe of few labels, which is also the one that is saved


def evaluate_contender(
    parts: Mapping[str, Embeddings],
    settings: Evaluate,
    grids: Mapping[str, Mapping[str, Sequence[Any]]],
    classes: Sequence[str],
    progress: Callable[..., Iterator[Any]],
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """All metrics of one contender by task, and the labels that each probe predicts for test.

    Parameters
    ----------
    parts : the contender's features by split.
    settings : the section evaluate of params.yaml.
    grids : by probe, the values of each option to choose from.
    classes : the names of the classes, by label.
    progress : shows the progress of a sequence, as stage.progress does.

    Raises
    ------
    DataError : a split has no labels.
    """
    require_labels(parts)
    few = settings.few_labels
    results: dict[str, Any] = {}
    predicted: dict[str, Tensor] = {}
    linear = partial(registry.find("probes", LINEAR), C=few.strength)
    predictors = {PROBED: probe_predictor(parts, linear)}
    if few.propagation:
        predictors[PROPAGATED] = propagation_predictor(parts, few.propagation)
    tasks = [*settings.probes, *itertools.product(predictors, few.per_class)]
    for task in progress(tasks, len(tasks), "evaluate"):
        if isinstance(task, tuple):
            kind, count = task
            predictor = predictors[kind]
            results[f"{kind}_{count}"] = few_labels(parts, predictor, count, few.draws, few.seed)
        else:
            probe = registry.find("probes", task)
            results[task], predicted[task] = evaluate_probe(parts, probe, grids[task], classes)
    return results, predicted


def evaluate_probe(
    splits: Mapping[str, Embeddings],
    probe: ProbeFunction,
    grid: Mapping[str, Sequence[Any]],
    classes: Sequence[str],
) -> tuple[dict[str, Any], Tensor]:
    """The metrics on test of one contender under one probe, and the predicted labels (n,).

    The metrics hold the chosen options, and all options that were tried on validation.

    Parameters
    ----------
    splits : the contender's features by split.
    probe : the probe.
    grid : the values of each option to choose from.
    classes : the names of the classes, by label.
    """
    train, validation, test = (splits[name] for name in ("train", "validation", "test"))
    chosen, tried = choose_options(train, validation, probe, grid)
    predicted = probe(concatenate(train, validation), test.features, **chosen)
    metrics = classification_metrics(test.required_labels(), predicted, classes)
    best = max(trial["accuracy"] for trial in tried)
    return metrics | {VALIDATION: best, "chosen": chosen, "validation": tried}, predicted


def choose_options(
    train: Embeddings,
    validation: Embeddings,
    probe: ProbeFunction,
    grid: Mapping[str, Sequence[Any]],
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The options with the best accuracy on validation (the first of equals), and all trials.

    The probe is fitted on train with every combination of the grid's values.
    """
    tried: list[dict[str, Any]] = []
    for values in itertools.product(*grid.values()):
        options = dict(zip(grid, values, strict=True))
        predicted = probe(train, validation.features, **options)
        tried.append({"options": options, "accuracy": accuracy(validation, predicted)})
    best = max(tried, key=lambda trial: trial["accuracy"])
    return best["options"], tried


def final_linear(
    splits: Mapping[str, Embeddings],
    results: Mapping[str, Any],
    grid: Mapping[str, Sequence[Any]],
) -> tuple[LogisticModel, dict[str, Any]]:
    """The linear probe that was evaluated on test, fitted on train and validation, and its options.

    Parameters
    ----------
    splits : the features by split.
    results : what evaluate_contender returned. If the linear probe is not among the tasks, its
        options are chosen here in the same way.
    grid : the values of each option to choose from.
    """
    train, validation = splits["train"], splits["validation"]
    if LINEAR in results:
        chosen = results[LINEAR]["chosen"]
    else:
        chosen = choose_options(train, validation, registry.find("probes", LINEAR), grid)[0]
    return fit(concatenate(train, validation), **chosen), chosen


def few_labels(
    splits: Mapping[str, Embeddings],
    predictor: LabelPredictor,
    per_class: int,
    draws: int,
    seed: int,
) -> dict[str, Any]:
    """The accuracy with a few labels: the mean over draws on test and validation, and the spread.

    Parameters
    ----------
    splits : the features by split.
    predictor : predicts labels from the labels of the given train rows.
    per_class : the number of labels of each class.
    draws : the number of draws.
    seed : the seed of the draws.
    """
    labels = splits["train"].required_labels()
    drawn = draw_labelled_rows(labels, per_class, draws, seed)
    predicted = [predictor(rows) for rows in drawn]
    validation, test = (
        [accuracy(splits[name], labels[name]) for labels in predicted] for name in READ_SPLITS
    )
    return {
        "accuracy": statistics.fmean(test),
        "spread_over_draws": statistics.stdev(test),
        "draws": test,
        VALIDATION: statistics.fmean(validation),
    }


def probe_predictor(parts: Mapping[str, Embeddings], probe: ProbeFunction) -> LabelPredictor:
    """Predicts labels by a probe that is fitted on the labelled rows alone."""

    def predict(rows: Tensor) -> dict[str, Tensor]:
        known = parts["train"].take(rows)  # once for both splits, since a fit is kept with its rows
        return {name: probe(known, parts[name].features) for name in READ_SPLITS}

    return predict


def propagation_predictor(parts: Mapping[str, Embeddings], settings: Propagation) -> LabelPredictor:
    """Predicts labels by propagation over all train rows.

    Rows of validation and test are no nodes of the graph, so that each is classified by itself.
    The graph is built when it is first asked for, since that takes a while.
    """
    train = parts["train"]
    sizes = [len(parts[name].features) for name in READ_SPLITS]

    @functools.cache
    def build() -> tuple[LabelGraph, sparse.csr_array]:
        graph = LabelGraph(
            train.features, neighbours=settings.neighbours, pca_components=settings.whitened
        )
        return graph, sparse.vstack([graph.votes(parts[name].features) for name in READ_SPLITS])

    def predict(rows: Tensor) -> dict[str, Tensor]:
        graph, votes = build()
        labels = graph.propagate(rows, train.take(rows).required_labels(), votes, settings.alpha)
        return dict(zip(READ_SPLITS, labels.split(sizes), strict=True))

    return predict


def draw_labelled_rows(labels: Tensor, per_class: int, draws: int, seed: int) -> Iterator[Tensor]:
    """For each draw, the numbers of `per_class` random rows of every class.

    Parameters
    ----------
    labels : (n,) int64.
    per_class : the number of rows of each class.
    draws : the number of draws.
    seed : the seed; draws of another `per_class` are independent.

    Raises
    ------
    ConfigError : a class has fewer rows.
    """
    rows_by_class = [(labels == label).nonzero().squeeze(1) for label in labels.unique()]
    fewest = min(len(rows) for rows in rows_by_class)
    if per_class > fewest:
        raise ConfigError.at(
            "evaluate.few_labels.per_class",
            f"asks for {per_class} labels a class, but a class has {fewest} train rows",
            f"lower it to {fewest} or less",
        )
    for draw in range(draws):
        generator = randomness.generator(seed, f"labels/{per_class}/{draw}")
        picks = [
            rows[torch.randperm(len(rows), generator=generator)[:per_class]]
            for rows in rows_by_class
        ]
        yield torch.cat(picks)


@functools.lru_cache(maxsize=1)
def concatenate(first: Embeddings, second: Embeddings) -> Embeddings:
    """The rows of both; the last result is kept, so that the next probe finds its moments."""
    return Embeddings(
        torch.cat([first.features, second.features]),
        torch.cat([first.required_labels(), second.required_labels()]),
        torch.cat([first.ids, second.ids]),
    )
