"""The training loop: a generator of steps. Its caller logs, saves and shows progress."""

import math
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn, optim

from twinview.compute import devices, processes
from twinview.core import randomness
from twinview.core.counts import counted
from twinview.core.errors import ConfigError, TrainingError
from twinview.core.types import Batch, Split, apart_without
from twinview.data import sampling
from twinview.learning import tally
from twinview.learning.parts import Method, Part, Queue
from twinview.settings.sections import Pretrain
from twinview.views.live import Views


@dataclass(frozen=True)
class Budget:
    """The length, learning rate and precision of a training.

    learning_rate: the peak, for this batch size. seed: for the order of examples and the random
    numbers of each step. precision: of encoder and head: auto, float32 or bfloat16, as in
    devices.choose_precision; weights and losses stay float32. examples_per_class: how many examples
    of each class a batch has (sampling.balanced_batches); None: batches are shuffled. groups_apart:
    whether no batch has two examples of a group (sampling.batches_apart).
    """

    epochs: int
    batch_size: int
    learning_rate: float
    warmup_epochs: float
    seed: int
    precision: str
    examples_per_class: int | None = None
    groups_apart: bool = False

    @classmethod
    def from_settings(cls, settings: Pretrain) -> "Budget":
        """The budget of the settings of pretrain."""
        return cls(
            settings.epochs,
            settings.batch_size,
            scale_learning_rate(
                settings.learning_rate, settings.batch_size, settings.learning_rate_scaling
            ),
            settings.warmup_epochs,
            settings.seed,
            settings.precision,
            settings.examples_per_class,
        )

    def steps(self, examples: int) -> int:
        """The number of steps of the whole training."""
        return self.epochs * self.steps_per_epoch(examples)

    def steps_per_epoch(self, examples: int) -> int:
        """The number of steps of an epoch; its last, smaller batch is dropped."""
        return examples // self.batch_size


@dataclass(frozen=True)
class Step:
    """The result of one step.

    number: from 1. epoch: from 0. counts: the tally of the whole batch, over all processes.
    """

    number: int
    epoch: int
    ends_epoch: bool
    loss: float
    learning_rate: float
    counts: Mapping[str, float]


MakeOptimizer = Callable[[list[nn.Parameter], list[nn.Parameter]], optim.Optimizer]


@dataclass
class State:
    """The state of a training: everything that its steps change and a checkpoint has to hold.

    The learning rate, the order of examples and the random numbers have no state, since they are
    functions of the step's number.
    """

    method: Method
    optimizer: optim.Optimizer
    number: int = 0

    @classmethod
    def initial(
        cls, method: Method, make_optimizer: MakeOptimizer, device: torch.device
    ) -> "State":
        """The state before the first step."""
        return cls(method.to(device), make_optimizer(*_by_decay(method)))

    def state_dict(self) -> dict[str, Any]:
        """The number of steps done, and the states of method and optimizer."""
        return {"number": self.number} | {k: part.state_dict() for k, part in self._parts().items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restores a state that state_dict returned; the next step is the one that followed it."""
        self.number = state["number"]
        for name, part in self._parts().items():
            part.load_state_dict(state[name])

    def _parts(self) -> dict[str, Any]:
        return {"method": self.method, "optimizer": self.optimizer}


def fit(
    method: Method,
    train: Split,
    views: Views,
    make_optimizer: MakeOptimizer,
    budget: Budget,
    device: torch.device,
) -> Iterator[Step]:
    """Trains a method in place from the first step on, as continue_training does.

    Parameters
    ----------
    method : it is moved to the device and trained in place.
    train : the examples, or labelled pairs of them.
    views : the views of these examples.
    make_optimizer : maps the parameters that decay and those that do not to an optimizer.
    budget : the length, learning rate and precision.
    device : where the training computes.
    """
    return continue_training(State.initial(method, make_optimizer, device), train, views, budget)


def continue_training(state: State, train: Split, views: Views, budget: Budget) -> Iterator[Step]:
    """The remaining steps of a training; each is computed when the caller asks for it.

    A training that continues from a saved state is equal to the bit to one that never stopped: a
    method may draw from PyTorch's global generator, since every step seeds it by its number.

    Parameters
    ----------
    state : it is changed in place.
    train : the examples, or labelled pairs of them.
    views : the views of these examples, with small crops if the method uses them.
    budget : the length, learning rate and precision of the whole training.

    Raises
    ------
    TrainingError : at the first loss that is not finite.
    ConfigError : before the first step, when a queue is longer than the split, and for the faults
        that sampling.balanced_batches names.
    """
    _require_short_queues(state.method, len(train))
    assert (state.method.small_crops is None) == (views.small_crops is None), (
        "views have small crops only when the method asks for them"
    )
    per_epoch = budget.steps_per_epoch(len(train))
    device = next(state.method.parameters()).device
    state.method.train()
    while state.number < budget.steps(len(train)):
        epoch, first = divmod(state.number, per_epoch)
        for batch in batches(train, views, budget, epoch, state.method.views, first):
            rate = learning_rate(state.number, per_epoch, budget)
            for group in state.optimizer.param_groups:
                group["lr"] = rate
            with randomness.torch_seeded(budget.seed, f"step/{state.number}/{processes.rank()}"):
                progress = (state.number + 1) / budget.steps(len(train))
                with tally.recording() as counts:
                    loss = _advance(state, batch.to(device), budget.precision, progress)
            state.number += 1
            if not math.isfinite(loss):
                raise TrainingError.at(
                    "the loss",
                    f"is {loss} at step {state.number}",
                    "lower pretrain.learning_rate or raise the temperature",
                )
            yield Step(state.number, epoch, state.number % per_epoch == 0, loss, rate, counts)


def batches(
    train: Split, views: Views, budget: Budget, epoch: int, count: int, first: int = 0
) -> Iterator[Batch]:
    """The batches of one epoch, of each the part of this process, in a seeded random order.

    While a batch is in use, a thread reads and renders the next one.

    Parameters
    ----------
    train : the examples, or labelled pairs of them.
    views : the views of these examples.
    budget : its seed and the epoch determine the order.
    epoch : from 0.
    count : the number of views of each example.
    first : the number of batches to skip.
    """
    parts = [processes.local_rows(rows) for rows in _order(train, budget, epoch)[first:]]

    def make(rows: Tensor) -> Batch:
        small_crops = None if views.small_crops is None else views.small_crops(rows, epoch)
        labels = None if train.labels is None else train.labels[rows]
        return Batch(views.take(rows, epoch, count), labels, train.ids[rows], small_crops)

    with ThreadPoolExecutor(1, "views") as thread:
        coming: Future[Batch] | None = None
        for rows in parts:
            current, coming = coming, thread.submit(make, rows)
            if current is not None:
                yield current.result()
        if coming is not None:
            yield coming.result()


def count_left_out(train: Split, budget: Budget) -> int:
    """How many examples the first epoch leaves out; each epoch leaves out different ones."""
    return len(train) - len(_order(train, budget, 0).unique())


def learning_rate(step: int, per_epoch: int, budget: Budget) -> float:
    """The rate of a step: linear warm-up to the peak, then half a cosine to 0 (arXiv 1608.03983).

    Parameters
    ----------
    step : from 0.
    per_epoch : the number of steps of an epoch.
    budget : the peak, and the lengths of warm-up and training.
    """
    warmup, total = budget.warmup_epochs * per_epoch, budget.epochs * per_epoch
    if step < warmup:
        return budget.learning_rate * min(1, (step + 1) / warmup)
    progress = (step - warmup) / max(1, total - warmup)
    return budget.learning_rate * (1 + math.cos(math.pi * progress)) / 2


def scale_learning_rate(rate: float, batch_size: int, rule: str) -> float:
    """The learning rate for a batch size.

    Parameters
    ----------
    rate : the learning rate for batches of 256 examples.
    batch_size : the size of the batches.
    rule : linear scales in proportion to the size (arXiv 1706.02677, section 2.1). sqrt scales by
        the square root, which suits smaller batches and shorter trainings (SimCLR, appendix B.1).
        none keeps the rate.
    """
    ratio = batch_size / 256
    return rate * {"none": 1.0, "linear": ratio, "sqrt": math.sqrt(ratio)}[rule]


def _order(train: Split, budget: Budget, epoch: int) -> Tensor:
    """The rows of each batch of an epoch: (steps, batch_size)."""
    generator = randomness.generator(budget.seed, f"order/{epoch}")
    if budget.examples_per_class is not None:
        return sampling.balanced_batches(
            train.labels, budget.examples_per_class, budget.batch_size, generator
        )
    if budget.groups_apart:
        assert train.groups is not None, "groups are kept apart, and there are none"
        units = apart_without(train.groups)
        return sampling.batches_apart(units, budget.batch_size, generator)
    return sampling.shuffled_batches(len(train), budget.batch_size, generator)


def _advance(state: State, batch: Batch, precision: str, progress: float) -> float:
    """The loss of one step, which changes the state. progress: the share of steps done with it."""
    method, optimizer = state.method, state.optimizer
    with devices.autocast(batch.views.device, precision):
        projections = method.project(batch)
    projections = projections.map(lambda x: x.to(torch.promote_types(x.dtype, torch.float32)))
    terms = method.terms(processes.gather_projections(projections))
    loss = torch.stack(list(terms.values())).sum()
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    processes.average_gradients(method.parameters())
    optimizer.step()
    for part in method.modules():
        if isinstance(part, Part):
            part.after_step(progress)
    return loss.item()


def _require_short_queues(method: Method, examples: int) -> None:
    """Raises ConfigError for a queue that would always hold an earlier row of each example."""
    for part in method.modules():
        if isinstance(part, Queue) and len(part.rows) > examples:
            raise ConfigError.at(
                "the method's option 'queue'",
                f"is {len(part.rows)}, but the train split has {counted(examples, 'example')}, so "
                "that the queue would always hold an earlier row of each example",
                f"set it to {examples} or less",
            )


def _by_decay(module: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """The parameters that decay, and those that do not: biases and scales, which have one axis."""
    parameters = [p for p in module.parameters() if p.requires_grad]
    return [p for p in parameters if p.ndim > 1], [p for p in parameters if p.ndim <= 1]
