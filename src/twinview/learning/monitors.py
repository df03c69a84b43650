"""Monitors: small callables that measure a method at the end of each epoch.

A monitor takes an Observation and returns values by name, which become columns of the curve of
epochs. It must not change the training. A new monitor is a function here and an entry in the list
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
    """A method in evaluation mode, and its projections z (2, n, d) of two views of n examples."""

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
    """The observation, and the values of the monitors; the method's mode is restored.

    Parameters
    ----------
    method : the method to measure.
    batch : two views (2, n, ...) of n examples, on any device.
    monitors : they are called in order; a later value replaces an earlier one of the same name.
    """
    training = method.training
    z = method.eval().project(batch.to(_device(method))).z
    observed = Observation(method, z)
    values: dict[str, float] = {}
    for monitor in monitors:
        values |= monitor(observed)
    method.train(training)
    return observed, values


def geometry(observed: Observation) -> dict[str, float]:
    """Spread of cosines, effective rank, alignment and uniformity, which the verdict depends on."""
    return asdict(collapse.measure(observed.z))


def validation_knn(queries: Split, bank: Split) -> list[Monitor]:
    """The monitor of how well the nearest features of bank predict the labels of queries.

    All of them have labels; the list is empty where there are none. The examples are not augmented.
    """
    bank_labels, query_labels = bank.labels, queries.labels
    if bank_labels is None or query_labels is None or not len(bank) or not len(queries):
        return []
    inputs = torch.cat([bank.inputs, queries.inputs])
    return [partial(_validation_knn, inputs, bank_labels, query_labels)]


def _validation_knn(
    inputs: Tensor, bank_labels: Tensor, query_labels: Tensor, observed: Observation
) -> dict[str, float]:
    h = observed.method.encoder(inputs[None].to(_device(observed.method)))[0]
    bank, queries = h[: len(bank_labels)], h[len(bank_labels) :]
    return {"validation_knn": collapse.knn_accuracy(bank, bank_labels, queries, query_labels)}


def two_views(split: Split, render: Renderer) -> Batch:
    """A batch of the views 0 and 1 of each example of the split."""
    numbers = [torch.full_like(split.ids, view) for view in range(2)]
    views = [render(split.inputs, split.ids, number) for number in numbers]
    return Batch(torch.stack(views), split.labels, split.ids)


def evenly_spaced(split: Split, count: int, *, labelled: bool = False) -> Split:
    """`count` examples at equal distances, since sources may list their classes one by one.

    labelled: only examples that have a label are taken.
    """
    rows = split.labelled_rows() if labelled else torch.arange(len(split))
    count = min(count, len(rows))
    return split.take(rows[torch.arange(count) * len(rows) // max(1, count)])


def _device(method: Method) -> torch.device:
    return next(method.parameters()).device
