"""The protocol "frozen-3", the same for every contender.

Features are frozen. A probe's options are chosen by accuracy on validation, fitted on train; the
probe is then fitted on train and validation with the chosen options, and test is read once. The
encoder is that of the final epoch. Few labels: the linear probe with a fixed strength on drawn
train rows, and (unless it is left out) label propagation, which sees the other train rows too,
without their labels; all contenders get the same draws.

The accuracy on validation, of the same fits on train alone, stands beside every accuracy on test:
by it `compare` picks the best of several encoders.
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

ProbeFunction = Callable[..., Tensor]
LabelPredictor = Callable[[Tensor], Mapping[str, Tensor]]
READ_SPLITS = ("validation", "test")  # the splits that few labels are read on
LINEAR = "linear"  # the probe of few labels, and the one that is kept for use


def evaluate_contender(
    parts: Mapping[str, Embeddings],
    own: Evaluate,
    grids: Mapping[str, Mapping[str, Sequence[Any]]],
    classes: Sequence[str],
    progress: Callable[..., Iterator[Any]],
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """All metrics of one contender, by task, and the labels that each probe predicts for test.

    parts: its features, by split. grids: each probe's options to choose from.
    progress: shows how far a sequence is, as stage.progress.
    Raises DataError unless every split has labels.
    """
    require_labels(parts)
    few = own.few_labels
    found: dict[str, Any] = {}
    predicted: dict[str, Tensor] = {}
    linear = partial(registry.find("probes", LINEAR), strength=few.strength)
    guesses = {PROBED: probe_predictor(parts, linear)}
    if few.propagation:
        guesses[PROPAGATED] = propagation_predictor(parts, few.propagation)
    tasks = [*own.probes, *itertools.product(guesses, few.per_class)]
    for task in progress(tasks, len(tasks), "evaluate"):
        if isinstance(task, tuple):
            kind, count = task
            found[f"{kind}_{count}"] = few_labels(parts, guesses[kind], count, few.draws, few.seed)
        else:
            probe = registry.find("probes", task)
            found[task], predicted[task] = evaluate_probe(parts, probe, grids[task], classes)
    return found, predicted


def evaluate_probe(
    splits: Mapping[str, Embeddings],
    probe: ProbeFunction,
    grid: Mapping[str, Sequence[Any]],
    classes: Sequence[str],
) -> tuple[dict[str, Any], Tensor]:
    """Metrics on test of one contender under one probe, and the predicted labels.

    The metrics name the chosen options and all that were tried on validation.
    """
    train, validation, test = (splits[name] for name in ("train", "validation", "test"))
    chosen, tried = choose_options(train, validation, probe, grid)
    predicted = probe(concatenate(train, validation), test.features, **chosen)
    found = classification_metrics(test.required_labels(), predicted, classes)
    best = max(trial["accuracy"] for trial in tried)
    return found | {VALIDATION: best, "chosen": chosen, "validation": tried}, predicted


def choose_options(
    train: Embeddings,
    validation: Embeddings,
    probe: ProbeFunction,
    grid: Mapping[str, Sequence[Any]],
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The options of the grid that are best on validation (the first of equals), and all tries."""
    tried: list[dict[str, Any]] = []
    for values in itertools.product(*grid.values()):
        options = dict(zip(grid, values, strict=True))
        predicted = probe(train, validation.features, **options)
        tried.append({"options": options, "accuracy": accuracy(validation, predicted)})
    best = max(tried, key=lambda trial: trial["accuracy"])
    return best["options"], tried


def final_linear(
    splits: Mapping[str, Embeddings],
    found: Mapping[str, Any],
    grid: Mapping[str, Sequence[Any]],
) -> tuple[LogisticModel, dict[str, Any]]:
    """The linear probe that test was read with, and its options: for use.

    found: as score says. Where no linear probe was asked for, its options are chosen here likewise.
    """
    train, validation = splits["train"], splits["validation"]
    if LINEAR in found:
        chosen = found[LINEAR]["chosen"]
    else:
        chosen = choose_options(train, validation, registry.find("probes", LINEAR), grid)[0]
    return fit(concatenate(train, validation), **chosen), chosen


def few_labels(
    splits: Mapping[str, Embeddings], guess: LabelPredictor, per_class: int, draws: int, seed: int
) -> dict[str, Any]:
    """Mean accuracy on test from `per_class` labels a class, its spread over draws; on validation.

    guess: labels of all rows of each split of READ, by the numbers of the train rows whose labels
    it may see.
    """
    labels = splits["train"].required_labels()
    guessed = [guess(rows) for rows in draw_labelled_rows(labels, per_class, draws, seed)]
    validation, test = (
        [accuracy(splits[name], labels[name]) for labels in guessed] for name in READ_SPLITS
    )
    return {
        "accuracy": statistics.fmean(test),
        "spread_over_draws": statistics.stdev(test),
        "draws": test,
        VALIDATION: statistics.fmean(validation),
    }


def probe_predictor(parts: Mapping[str, Embeddings], probe: ProbeFunction) -> LabelPredictor:
    """A probe that is fitted on the known rows alone."""

    def guess(rows: Tensor) -> dict[str, Tensor]:
        known = parts["train"].take(rows)  # once, since a fit is kept with its rows
        return {name: probe(known, parts[name].features) for name in READ_SPLITS}

    return guess


def propagation_predictor(parts: Mapping[str, Embeddings], own: Propagation) -> LabelPredictor:
    """Propagation over all train rows. The other rows are no nodes: each is classified by itself.

    The graph is found when it is asked for first: it takes a while.
    """
    train = parts["train"]
    sizes = [len(parts[name].features) for name in READ_SPLITS]

    @functools.cache
    def found() -> tuple[LabelGraph, sparse.csr_array]:
        graph = LabelGraph(train.features, neighbours=own.neighbours, whitened=own.whitened)
        return graph, sparse.vstack([graph.votes(parts[name].features) for name in READ_SPLITS])

    def guess(rows: Tensor) -> dict[str, Tensor]:
        graph, votes = found()
        labels = graph.propagate(rows, train.take(rows).required_labels(), votes, own.alpha)
        return dict(zip(READ_SPLITS, labels.split(sizes), strict=True))

    return guess


def draw_labelled_rows(labels: Tensor, per_class: int, draws: int, seed: int) -> Iterator[Tensor]:
    """Row numbers of `draws` draws, each with `per_class` rows of every class.

    Raises ConfigError when a class has fewer rows.
    """
    rows_of = [(labels == label).nonzero().squeeze(1) for label in labels.unique()]
    fewest = min(len(rows) for rows in rows_of)
    if per_class > fewest:
        raise ConfigError(
            f"evaluate.few_labels.per_class asks for {per_class} labels a class, "
            f"but a class has {fewest} train rows"
        )
    for draw in range(draws):
        generator = randomness.generator(seed, f"labels/{per_class}/{draw}")
        picks = [
            rows[torch.randperm(len(rows), generator=generator)[:per_class]] for rows in rows_of
        ]
        yield torch.cat(picks)


@functools.lru_cache(maxsize=1)
def concatenate(first: Embeddings, second: Embeddings) -> Embeddings:
    """The rows of both; kept, with their moments, for the next probe."""
    return Embeddings(
        torch.cat([first.features, second.features]),
        torch.cat([first.required_labels(), second.required_labels()]),
        torch.cat([first.ids, second.ids]),
    )
