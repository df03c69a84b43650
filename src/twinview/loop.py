"""The training loop: a generator of steps. Whoever consumes it logs, saves and shows progress."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import nn, optim

from twinview import engine, seeds
from twinview.errors import TrainingError
from twinview.parts import Method
from twinview.types import Batch, Split
from twinview.views import Views


@dataclass(frozen=True)
class Budget:
    """How long and how fast: the length of a training, and the learning rate's course over it."""

    epochs: int
    batch_size: int
    learning_rate: float
    warmup_epochs: float
    seed: int

    def steps(self, examples: int) -> int:
        """All steps of all epochs."""
        return self.epochs * self.steps_per_epoch(examples)

    def steps_per_epoch(self, examples: int) -> int:
        """The last, smaller batch of an epoch is dropped."""
        return examples // self.batch_size


@dataclass(frozen=True)
class Step:
    """What one step did: its number (from 1), its epoch (from 0), the loss and the rate used."""

    number: int
    epoch: int
    ends_epoch: bool
    loss: float
    learning_rate: float


MakeOptimizer = Callable[[list[nn.Parameter], list[nn.Parameter]], optim.Optimizer]


def fit(
    method: Method,
    train: Split,
    views: Views,
    make_optimizer: MakeOptimizer,
    budget: Budget,
    device: torch.device,
) -> Iterator[Step]:
    """Trains method in place, one step each time the caller asks for the next.

    Raises TrainingError at the first loss that is not finite.
    """
    optimizer = make_optimizer(*_by_decay(method))
    per_epoch = budget.steps_per_epoch(len(train))
    method.to(device).train()
    number = 0
    for epoch in range(budget.epochs):
        for place, batch in enumerate(batches(train, views, budget, epoch, method.views)):
            rate = learning_rate(number, per_epoch, budget)
            for group in optimizer.param_groups:
                group["lr"] = rate
            loss = _advance(method, batch.to(device), optimizer)
            number += 1
            if not math.isfinite(loss):
                raise TrainingError(
                    f"the loss is {loss} at step {number}; "
                    "lower pretrain.learning_rate or raise the temperature"
                )
            yield Step(number, epoch, place + 1 == per_epoch, loss, rate)


def batches(train: Split, views: Views, budget: Budget, epoch: int, count: int) -> Iterator[Batch]:
    """One epoch in a seeded random order, `count` views an example; an uneven rest is dropped.

    Of each batch, this process's part.
    """
    order = torch.randperm(len(train), generator=seeds.generator(budget.seed, f"order/{epoch}"))
    for rows in order.split(budget.batch_size):
        if len(rows) == budget.batch_size:
            own = engine.own_part(rows)
            part = train.take(own)
            yield Batch(views.take(own, epoch, count), part.labels, part.ids)


def learning_rate(step: int, per_epoch: int, budget: Budget) -> float:
    """Linear warm-up to the peak, then a half cosine to zero (arXiv 1608.03983). step: from 0."""
    warmup, total = budget.warmup_epochs * per_epoch, budget.epochs * per_epoch
    if step < warmup:
        return budget.learning_rate * (step + 1) / warmup
    progress = (step - warmup) / max(1, total - warmup)
    return budget.learning_rate * (1 + math.cos(math.pi * progress)) / 2


def _advance(method: Method, batch: Batch, optimizer: optim.Optimizer) -> float:
    terms = method.terms(engine.gather(method.project(batch)))
    loss = torch.stack(list(terms.values())).sum()
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    engine.average_gradients(method.parameters())
    optimizer.step()
    return loss.item()


def _by_decay(module: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Weights, which decay, and biases and norm layers' scales, which do not."""
    parameters = [p for p in module.parameters() if p.requires_grad]
    return [p for p in parameters if p.ndim > 1], [p for p in parameters if p.ndim <= 1]
