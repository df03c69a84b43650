"""Monitors: small callables that measure a method at the end of each epoch.

A monitor takes what is Observation and returns values by name, which become columns of the epochs'
curve. It changes nothing of the training. A new one is a function here and an entry of the list
that pretraining makes.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial

import torch
from torch import Tensor

from twinview.core.types import Batch, Split
from twinview.learning import collapse
from twinview.learning.parts import Method
from twinview.views.plan import Renderer


@dataclass(frozen=True)
class Observation:
    """A method in evaluation mode, and z (2, n, d): what it makes of two views of n examples."""

    method: Method
    z: Tensor

    @property
    def directions(self) -> int:
        """The most directions that z can have."""
        return min(self.z.shape[1:])


Monitor = Callable[[Observation], Mapping[str, float]]


@torch.inference_mode()
def observe(
    method: Method, batch: Batch, monitors: Sequence[Monitor]
) -> tuple[Observation, dict[str, float]]:
    """What the monitors look at, and what they measure; the method's mode stays as it is."""
    training = method.training
    z = method.eval().project(batch.to(_device(method))).z
    observed = Observation(method, z)
    values: dict[str, float] = {}
    for monitor in monitors:
        values |= monitor(observed)
    method.train(training)
    return observed, values


def geometry(observed: Observation) -> dict[str, float]:
    """Spread of cosines, effective rank, alignment and uniformity: what the verdict rests on."""
    return asdict(collapse.measure(observed.z))


def validation_knn(queries: Split, bank: Split) -> list[Monitor]:
    """The monitor of how well features of bank, train examples, tell the labels of queries.

    None where one of them has no labels. The examples are as they are, not augmented.
    """
    known, truth = bank.labels, queries.labels
    if known is None or truth is None:
        return []
    inputs = torch.cat([bank.inputs, queries.inputs])
    return [partial(_validation_knn, inputs, known, truth)]


def _validation_knn(
    inputs: Tensor, known: Tensor, truth: Tensor, observed: Observation
) -> dict[str, float]:
    h = observed.method.encoder(inputs[None].to(_device(observed.method)))[0]
    bank, queries = h[: len(known)], h[len(known) :]
    return {"validation_knn": collapse.knn_accuracy(bank, known, queries, truth)}


def two_views(split: Split, render: Renderer) -> Batch:
    """Two views of each example of split, for geometry."""
    numbers = [torch.full_like(split.ids, view) for view in range(2)]
    views = [render(split.inputs, split.ids, number) for number in numbers]
    return Batch(torch.stack(views), split.labels, split.ids)


def evenly_spaced(split: Split, count: int) -> Split:
    """So many examples, or all: from the whole split, since sources may have a class together."""
    count = min(count, len(split))
    return split.take(torch.arange(count) * len(split) // count)


def _device(method: Method) -> torch.device:
    return next(method.parameters()).device
