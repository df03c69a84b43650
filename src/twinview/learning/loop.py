"""The training loop: a generator of steps. Whoever consumes it logs, saves and shows progress."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import torch
from torch import Tensor, nn, optim

from twinview.compute import devices, processes
from twinview.core import randomness
from twinview.core.errors import ConfigError, TrainingError
from twinview.core.types import Batch, Split
from twinview.data import sampling
from twinview.learning import tally
from twinview.learning.parts import Method, Part, Queue
from twinview.settings.sections import Pretrain
from twinview.views.live import Views


@dataclass(frozen=True)
class Budget:
    """How long, how fast and how precise: a training's length, learning rate and arithmetic.

    examples_per_class: of each class in a batch (sampling.balanced); None: batches are shuffled.
    precision: float32, or bfloat16 for what encoder and head compute (auto: where it is built
    in); weights and losses stay float32.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    warmup_epochs: float
    seed: int
    precision: str
    examples_per_class: int | None = None

    @classmethod
    def from_settings(cls, settings: Pretrain) -> "Budget":
        """What the settings of pretrain say."""
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
        """All steps of all epochs."""
        return self.epochs * self.steps_per_epoch(examples)

    def steps_per_epoch(self, examples: int) -> int:
        """The last, smaller batch of an epoch is dropped."""
        return examples // self.batch_size


@dataclass(frozen=True)
class Step:
    """What one step did: its number (from 1), its epoch (from 0), the loss and the rate used.

    counts: what the batch gave to learn from, over all processes, as tally heard it.
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
    """A training under way: all that its steps change, and so all that a checkpoint holds.

    Rate, order and random numbers are functions of the step's number, and have no state. What
    else a training gathers becomes a part here.
    """

    method: Method
    optimizer: optim.Optimizer
    number: int = 0

    @classmethod
    def initial(cls, method: Method, make: MakeOptimizer, device: torch.device) -> "State":
        """A training that has not begun."""
        return cls(method.to(device), make(*_by_decay(method)))

    def state_dict(self) -> dict[str, Any]:
        """The number of steps done, and every part's own state."""
        return {"number": self.number} | {k: part.state_dict() for k, part in self._parts().items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Takes over what state_dict gave; the next step is then the one that followed it."""
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
    """Trains method in place from the first step; see continue_training."""
    return continue_training(State.initial(method, make_optimizer, device), train, views, budget)


def continue_training(state: State, train: Split, views: Views, budget: Budget) -> Iterator[Step]:
    """Trains from where the state stands, one step each time the caller asks for the next.

    A training that goes on from a saved state is equal, bit by bit, to one that never stopped: a
    method may draw from PyTorch's global generator, which every step seeds by its number.
    Raises TrainingError at the first loss that is not finite, and before the first step ConfigError
    when a queue is longer than the split, or what sampling.balanced raises.
    """
    _require_short_queues(state.method, len(train))
    assert (state.method.small_crops is None) == (views.small_crops is None), (
        "small crops, as the method asks"
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
                raise TrainingError(
                    f"the loss is {loss} at step {state.number}; "
                    "lower pretrain.learning_rate or raise the temperature"
                )
            yield Step(state.number, epoch, state.number % per_epoch == 0, loss, rate, counts)


def batches(
    train: Split, views: Views, budget: Budget, epoch: int, count: int, first: int = 0
) -> Iterator[Batch]:
    """One epoch in a seeded random order, from its batch `first` on, `count` views an example.

    The order is a function of seed and epoch. Of each batch, this process's part.
    """
    parts = [processes.local_rows(rows) for rows in _order(train, budget, epoch)[first:]]
    for own, following in zip_longest(parts, parts[1:]):
        small_crops = None if views.small_crops is None else views.small_crops(own, epoch)
        labels = None if train.labels is None else train.labels[own]
        batch = Batch(views.take(own, epoch, count), labels, train.ids[own], small_crops)
        if following is not None:
            views.prefetch(following, epoch, count)
        yield batch


def count_left_out(train: Split, budget: Budget) -> int:
    """How many examples do not come in the first epoch; in each epoch they are others."""
    return len(train) - len(_order(train, budget, 0).unique())


def learning_rate(step: int, per_epoch: int, budget: Budget) -> float:
    """Linear warm-up to the peak, then a half cosine to zero (arXiv 1608.03983). step: from 0."""
    warmup, total = budget.warmup_epochs * per_epoch, budget.epochs * per_epoch
    if step < warmup:
        return budget.learning_rate * min(1, (step + 1) / warmup)
    progress = (step - warmup) / max(1, total - warmup)
    return budget.learning_rate * (1 + math.cos(math.pi * progress)) / 2


def scale_learning_rate(rate: float, batch_size: int, rule: str) -> float:
    """The rate for a batch of this size, given the one for 256 examples.

    linear: in proportion (arXiv 1706.02677, section 2.1). sqrt: to the root, as suits smaller
    batches and shorter trainings (SimCLR, appendix B.1). none: as it is.
    """
    ratio = batch_size / 256
    return rate * {"none": 1.0, "linear": ratio, "sqrt": math.sqrt(ratio)}[rule]


def _order(train: Split, budget: Budget, epoch: int) -> Tensor:
    """(steps, batch_size): the rows of each of an epoch's batches."""
    generator = randomness.generator(budget.seed, f"order/{epoch}")
    if budget.examples_per_class is None:
        return sampling.shuffled_batches(len(train), budget.batch_size, generator)
    return sampling.balanced_batches(
        train.labels, budget.examples_per_class, budget.batch_size, generator
    )


def _advance(state: State, batch: Batch, precision: str, progress: float) -> float:
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
    """Longer ones would hold an example's own earlier row at every step."""
    for part in method.modules():
        if isinstance(part, Queue) and len(part.rows) > examples:
            raise ConfigError(
                f"the method's queue holds {len(part.rows)} rows, and the train split has "
                f"{examples} examples: each would always meet its own earlier row there; set the "
                f"method's option 'queue' to {examples} or less"
            )


def _by_decay(module: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Weights, which decay, and those of one axis, biases and norm layers' scales, which do not."""
    parameters = [p for p in module.parameters() if p.requires_grad]
    return [p for p in parameters if p.ndim > 1], [p for p in parameters if p.ndim <= 1]
