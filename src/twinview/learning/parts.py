"""The interface of methods, and the parts that several methods share."""

import copy
import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Literal, final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from twinview.core.errors import ConfigError
from twinview.core.types import Batch, Projections
from twinview.settings.sections import SmallCrops


class Method(nn.Module, ABC):
    """A method: two halves, `project` and `terms`; processes exchange projections between them.

    views: the number of views of each example that a step uses. small_crops: the crops that a step
    uses besides. encoder: maps views (v, n, ...) to h (v, n, d), perhaps a few examples at a time;
    it is the result of the training. head: maps h to projections; it gets all of h, so that its
    batch norm sees the whole batch, and it is saved too. supervised: the method learns from labels,
    so that a good z may have as few directions as there are classes, even one. pairs: batches are
    labelled pairs of train examples (data.pairs) instead of examples.
    """

    views: int
    small_crops: SmallCrops | None = None
    supervised: bool = False
    pairs: bool = False
    encoder: nn.Module
    head: nn.Module

    @abstractmethod
    def project(self, batch: Batch) -> Projections:
        """The projections of a batch: the half that needs the encoder."""

    @abstractmethod
    def terms(self, projections: Projections) -> dict[str, Tensor]:
        """The loss terms by name: the half without the encoder. The loop minimises their sum."""

    @abstractmethod
    def chance(self, n: int) -> float:
        """The loss of embeddings that carry no information, at batch size n."""


@final
class Siamese(Method):
    """A method with one encoder and one head for all views, and an objective of the projections.

    objective: (z (v, n, d), labels) -> scalar. chance: batch size -> the objective's value for
    embeddings that carry no information. The other parameters are the attributes of Method.
    """

    def __init__(
        self,
        encoder: nn.Module,
        head: nn.Module,
        objective: Callable[[Tensor, Tensor | None], Tensor],
        chance: Callable[[int], float],
        views: int,
        supervised: bool = False,
        pairs: bool = False,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = head
        self.objective = objective
        self._chance = chance
        self.views, self.supervised, self.pairs = views, supervised, pairs

    def project(self, batch: Batch) -> Projections:
        """The projections, all views in one pass, so that batch norm sees them together."""
        return Projections(apply_to_views(self.head, self.encoder(batch.views)), batch.labels)

    def terms(self, projections: Projections) -> dict[str, Tensor]:
        """The objective's value, as 'loss'."""
        return {"loss": self.objective(projections.z, projections.labels)}

    def chance(self, n: int) -> float:
        """The objective's value for embeddings that carry no information, at batch size n."""
        return self._chance(n)


class Part(nn.Module, ABC):
    """A module that changes after each optimizer step; its state_dict holds all of its state.

    The loop calls after_step on each Part of a method once per optimizer step. Apart from that,
    only the optimizer changes a Part, by its parameters.
    """

    @abstractmethod
    def after_step(self, progress: float) -> None:
        """Updates the state. progress: the share of all steps that are done, 1 after the last."""


@final
class Momentum(Part):
    """A slow copy of encoder and head: their exponential moving average (arXiv 1911.05722, eq. 2).

    decay: the share of the slow weight in each update. decay_schedule: constant, or cosine: the
    decay rises to 1 along half a cosine (BYOL, arXiv 2006.07733, section 3.2). Buffers are copied,
    so that running statistics are recent.
    """

    def __init__(
        self,
        encoder: nn.Module,
        head: nn.Module,
        decay: float,
        decay_schedule: Literal["constant", "cosine"],
    ) -> None:
        super().__init__()
        self.encoder = copy.deepcopy(encoder).requires_grad_(False)
        self.head = copy.deepcopy(head).requires_grad_(False)
        self.decay, self.decay_schedule = decay, decay_schedule
        # A tuple hides it from PyTorch: a registered module would be saved and synchronised twice.
        self._fast = (nn.ModuleList([encoder, head]),)

    @torch.no_grad()
    def forward(self, views: Tensor) -> Tensor:
        """The slow projections (v, n, d) of views (v, n, ...), without gradient."""
        return apply_to_views(self.head, self.encoder(views))

    @torch.no_grad()
    def after_step(self, progress: float) -> None:
        """slow = decay * slow + (1 - decay) * fast."""
        rate = 1 - self.decay
        if self.decay_schedule == "cosine":
            rate *= (1 + math.cos(math.pi * progress)) / 2
        fast, slow = self._fast[0], nn.ModuleList([self.encoder, self.head])
        for fast_weight, slow_weight in zip(fast.parameters(), slow.parameters(), strict=True):
            slow_weight.lerp_(fast_weight, rate)
        for fast_buffer, slow_buffer in zip(fast.buffers(), slow.buffers(), strict=True):
            slow_buffer.copy_(fast_buffer)


@final
class Queue(Part):
    """A queue of the newest rows, which later steps compare their rows with.

    rows: (size, *shape), at first random vectors of length 1. seen: how many rows the queue has
    taken in. start: the share of the training before which the queue takes in nothing.
    """

    rows: Tensor
    seen: Tensor

    def __init__(self, size: int, shape: tuple[int, ...], start: float) -> None:
        super().__init__()
        self.start = start
        self.register_buffer("rows", F.normalize(torch.randn(size, *shape), dim=-1))
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64))
        self._offered: Tensor | None = None

    @property
    def full(self) -> bool:
        """Whether all of the first, random rows have been replaced."""
        return int(self.seen) >= len(self.rows)

    def offer(self, rows: Tensor) -> None:
        """Keeps rows (n, *shape), oldest first, until after_step adds them to the queue."""
        self._offered = rows.detach()

    def after_step(self, progress: float) -> None:
        """Replaces the oldest rows by the rows that were offered last."""
        offered, self._offered = self._offered, None
        if offered is None or progress < self.start:
            return
        newest = torch.arange(len(offered), device=self.rows.device)[-len(self.rows) :]
        self.rows[(self.seen + newest) % len(self.rows)] = offered[newest].to(self.rows.dtype)
        self.seen += len(offered)


@final
class Prototypes(Part):
    """Learned directions that embeddings are compared with; they have length 1 after each step.

    frozen_until: the share of the training before which the prototypes do not learn.
    """

    frozen: Tensor

    def __init__(self, count: int, width: int, frozen_until: float) -> None:
        super().__init__()
        self.frozen_until = frozen_until
        self.weight = nn.Parameter(F.normalize(torch.randn(count, width), dim=1))
        self.register_buffer("frozen", torch.tensor(frozen_until > 0))

    def forward(self, unit: Tensor) -> Tensor:
        """The cosines (..., count) of embeddings (..., d) of length 1 with the prototypes."""
        return F.linear(unit, self.weight.detach() if self.frozen else self.weight)

    @torch.no_grad()
    def after_step(self, progress: float) -> None:
        """Scales the prototypes to length 1; from frozen_until on, they learn."""
        self.weight.copy_(F.normalize(self.weight, dim=1))
        self.frozen.fill_(progress < self.frozen_until)


def apply_to_views(head: nn.Module, h: Tensor) -> Tensor:
    """The head's outputs (v, n, d') for h (v, n, d), in one pass, so that batch norm sees all."""
    z: Tensor = head(h.flatten(0, 1)).unflatten(0, h.shape[:2])
    return z


def predictor(width: int, hidden: int) -> nn.Module:
    """A network (n, width) -> (n, width) that predicts the other branch (2006.07733, app. J)."""
    return nn.Sequential(
        nn.Linear(width, hidden, bias=False),
        nn.BatchNorm1d(hidden),
        nn.ReLU(),
        nn.Linear(hidden, width),
    )


def output_width(head: nn.Module, method: str) -> int:
    """The number of a head's outputs. Raises ConfigError for a head without a linear layer."""
    widths = [m.out_features for m in head.modules() if isinstance(m, nn.Linear)]
    if not widths:
        raise ConfigError.at(
            f"methods.{method}",
            "needs a head with a linear layer",
            "set pretrain.head to linear or nonlinear",
        )
    return widths[-1]
