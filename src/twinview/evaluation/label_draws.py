"""Few labels, drawn several times: what the tasks share that learn from a few labelled rows."""

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence

import torch
from torch import Tensor

from twinview.core import randomness
from twinview.core.counts import counted
from twinview.core.entries import SPREAD
from twinview.core.errors import ConfigError
from twinview.core.types import Embeddings
from twinview.evaluation.contender import Result
from twinview.evaluation.label_counts import MEASURES
from twinview.evaluation.metrics import classification_metrics

# Maps the numbers of the train rows whose labels it may use to predicted labels of READ_SPLITS.
LabelPredictor = Callable[[Tensor], Mapping[str, Tensor]]
READ_SPLITS = ("validation", "test")


def mean_over_draws(
    parts: Mapping[str, Embeddings],
    predictor: LabelPredictor,
    per_class: int,
    draws: int,
    seed: int,
    *,
    classes: Sequence[str],
    task: str,
) -> Result:
    """The measures with a few labels: the means over draws, and the spread of the accuracy.

    Parameters
    ----------
    parts : the features of labelled rows by split.
    predictor : predicts labels from the labels of the given train rows.
    per_class : the number of labels of each class.
    draws : the number of draws.
    seed : the seed of the draws.
    classes : the names of the classes, by label.
    task : the task that draws, which an error names.

    Raises
    ------
    ConfigError : a class has fewer rows.
    """
    labels = parts["train"].required_labels()
    drawn = draw_labelled_rows(labels, per_class, draws, seed, task=task)
    predicted = [predictor(rows) for rows in drawn]
    found = {
        name: [
            classification_metrics(parts[name].required_labels(), draw[name], classes)
            for draw in predicted
        ]
        for name in READ_SPLITS
    }
    metrics = {key: statistics.fmean(draw[key] for draw in found["test"]) for key in MEASURES}
    draws_of_test = [draw["accuracy"] for draw in found["test"]]
    metrics[SPREAD] = statistics.stdev(draws_of_test)
    metrics["validation_accuracy"] = statistics.fmean(d["accuracy"] for d in found["validation"])
    return Result(metrics, {"draws": draws_of_test})


def draw_labelled_rows(
    labels: Tensor, per_class: int, draws: int, seed: int, *, task: str
) -> Iterator[Tensor]:
    """For each draw, the numbers of `per_class` random rows of every class.

    Parameters
    ----------
    labels : (n,) int64.
    per_class : the number of rows of each class.
    draws : the number of draws.
    seed : the seed; draws of another `per_class` are independent.
    task : the task that draws, which an error names.

    Raises
    ------
    ConfigError : a class has fewer rows.
    """
    rows_by_class = [(labels == label).nonzero().squeeze(1) for label in labels.unique()]
    fewest = min(len(rows) for rows in rows_by_class)
    if per_class > fewest:
        raise ConfigError.at(
            f"tasks.{task}.per_class",
            f"asks for {counted(per_class, 'label')} a class, but a class has "
            f"{counted(fewest, 'train row')}",
            f"lower it to {fewest} or less",
        )
    for draw in range(draws):
        generator = randomness.generator(seed, f"labels/{per_class}/{draw}")
        picks = [
            rows[torch.randperm(len(rows), generator=generator)[:per_class]]
            for rows in rows_by_class
        ]
        yield torch.cat(picks)
