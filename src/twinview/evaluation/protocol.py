"""The protocol "frozen-4", the same for every contender.

Features are frozen. Each probe is fitted on train, and its options are chosen by the accuracy on
validation. The probe is then fitted on train and validation with the chosen options, and test is
read once. The encoder is that of the final epoch. For few labels, the linear probe has a fixed
penalty and is fitted on drawn train rows. Label propagation, unless it is left out, also sees the
other train rows, without their labels. All contenders get the same draws.

The accuracy on validation, of the same fits on train alone, stands beside every accuracy on test:
`compare` picks the best of several encoders by it.
"""

import functools
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from twinview.core.types import Embeddings
from twinview.evaluation import moments
from twinview.evaluation.contender import Contender, Result, Task
from twinview.evaluation.metrics import accuracy

PROTOCOL = "frozen-4"

# A probe: (train, features, *, its options) to the share of each class, (m, k) float64. In float64
# shares are as different as the float32 numbers that they come from, so the largest is the same.
ProbeFunction = Callable[..., Tensor]
Grid = Mapping[str, Sequence[Any]]  # the values of each option to choose from


class Prediction(NamedTuple):
    """What a probe says of test.

    shares: (n, k) float64, of each class. chosen: the options that validation chose. tried: all
    that were tried there.
    """

    shares: Tensor
    chosen: dict[str, Any]
    tried: list[dict[str, Any]]

    @property
    def labels(self) -> Tensor:
        """The predicted labels (n,) int64."""
        return self.shares.argmax(1)


def evaluate(contender: Contender, tasks: Iterable[Task]) -> dict[str, Result]:
    """The results of one contender in every task, by entry."""
    results: dict[str, Result] = {}
    for task in tasks:
        results |= task(contender)
    return results


def predict_test(parts: Mapping[str, Embeddings], probe: ProbeFunction, grid: Grid) -> Prediction:
    """What a probe predicts for test, fitted on train and validation with the best options.

    Rows of train and validation must have labels; those of test need none.
    """
    train, validation, test = (parts[name] for name in ("train", "validation", "test"))
    chosen, tried = choose_options(train, validation, probe, grid)
    shares = probe(concatenate(train, validation), test.features, **chosen)
    return Prediction(shares, chosen, tried)


def choose_options(
    train: Embeddings, validation: Embeddings, probe: ProbeFunction, grid: Grid
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The options with the best accuracy on validation (the first of equals), and all trials.

    The probe is fitted on train with every combination of the grid's values.
    """
    tried: list[dict[str, Any]] = []
    for values in itertools.product(*grid.values()):
        options = dict(zip(grid, values, strict=True))
        predicted = probe(train, validation.features, **options).argmax(1)
        tried.append({"options": options, "accuracy": accuracy(validation, predicted)})
    best = max(tried, key=lambda trial: trial["accuracy"])
    return best["options"], tried


@functools.lru_cache(maxsize=1)
def concatenate(first: Embeddings, second: Embeddings) -> Embeddings:
    """The rows of both; the last result is kept, so that the next probe finds its moments."""
    return Embeddings(
        moments.join([first.features, second.features]),
        torch.cat([first.required_labels(), second.required_labels()]),
        torch.cat([first.ids, second.ids]),
    )
