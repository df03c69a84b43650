"""What methods are made of."""

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
    """A way of learning: two halves, between which processes exchange their projections.

    views: how many views of an example it consumes a step; small_crops: which crops beside them.
    encoder: what outlives the training; takes views (v, n, ...) to h (v, n, d), perhaps a few
    examples at a time. head: what makes projections of h, saved to be probed beside it; gets all
    of h, so that its batch norm sees the whole batch. supervised: labels say what is alike, so that
    a good z may keep as few directions as there are classes, down to one. pairs: it learns from
    labelled pairs of train examples (data.pairs), in place of the examples.
    """

    views: int
    small_crops: SmallCrops | None = None
    supervised: bool = False
    pairs: bool = False
    encoder: nn.Module
    head: nn.Module

    @abstractmethod
    def project(self, batch: Batch) -> Projections:
        """The half that needs the encoder."""

    @abstractmethod
    def terms(self, projections: Projections) -> dict[str, Tensor]:
        """The half that does not: named scalars whose sum the loop minimises."""

    @abstractmethod
    def chance(self, n: int) -> float:
        """The loss of embeddings that say nothing, at batch size n."""


@final
class Siamese(Method):
    """One encoder and one head for every view, and an objective on what comes out.

    objective: (z (v, n, d), labels) -> scalar. chance: its value for embeddings that say nothing.
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
        """All views in one pass, so that batch norm sees them together."""
        return Projections(apply_to_views(self.head, self.encoder(batch.views)), batch.labels)

    def terms(self, projections: Projections) -> dict[str, Tensor]:
        """The objective, as 'loss'."""
        return {"loss": self.objective(projections.z, projections.labels)}

    def chance(self, n: int) -> float:
        """The objective's value for embeddings that say nothing, at batch size n."""
        return self._chance(n)


class Part(nn.Module, ABC):
    """A module that lives in optimizer time, with all that it remembers in its state_dict.

    The loop calls after_step on each Part of a method once an optimizer step, and nothing else of
    it changes with training but its parameters.
    """

    @abstractmethod
    def after_step(self, progress: float) -> None:
        """Moves on. progress: the share of all steps that are done, 1 after the last."""


@final
class Momentum(Part):
    """A slow copy of encoder and head: their exponential moving average (arXiv 1911.05722, eq. 2).

    decay: the share that a weight keeps at each step. decay_schedule: constant, or cosine: the
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
        # In a tuple: registered as a module, it would be saved and synchronised twice.
        self._fast = (nn.ModuleList([encoder, head]),)

    @torch.no_grad()
    def forward(self, views: Tensor) -> Tensor:
        """(v, n, ...) to (v, n, d), without gradient."""
        return apply_to_views(self.head, self.encoder(views))

    @torch.no_grad()
    def after_step(self, progress: float) -> None:
        """slow = decay * slow + (1 - decay) * fast."""
        kept = 1 - self.decay
        if self.decay_schedule == "cosine":
            kept *= (1 + math.cos(math.pi * progress)) / 2
        fast, slow = self._fast[0], nn.ModuleList([self.encoder, self.head])
        for weight, own in zip(fast.parameters(), slow.parameters(), strict=True):
            own.lerp_(weight, kept)
        for buffer, old in zip(fast.buffers(), slow.buffers(), strict=True):
            old.copy_(buffer)


@final
class Queue(Part):
    """The newest rows that were offered, once an optimizer step: negatives of later steps.

    rows: (size, *shape), of length 1 and random at first. start: the share of the training before
    which nothing is taken in.
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
        """Whether none of the first, random rows is left."""
        return int(self.seen) >= len(self.rows)

    def offer(self, rows: Tensor) -> None:
        """Rows (n, *shape), oldest first, for after the step: until then nothing changes."""
        self._offered = rows.detach()

    def after_step(self, progress: float) -> None:
        """Takes in what was offered last, in the oldest rows' place."""
        offered, self._offered = self._offered, None
        if offered is None or progress < self.start:
            return
        numbers = torch.arange(len(offered), device=self.rows.device)[-len(self.rows) :]
        self.rows[(self.seen + numbers) % len(self.rows)] = offered[numbers].to(self.rows.dtype)
        self.seen += len(offered)


@final
class Prototypes(Part):
    """Directions that embeddings are compared with, of length 1 after each step.

    frozen_until: the share of the training before which they do not learn.
    """

    frozen: Tensor

    def __init__(self, count: int, width: int, frozen_until: float) -> None:
        super().__init__()
        self.frozen_until = frozen_until
        self.weight = nn.Parameter(F.normalize(torch.randn(count, width), dim=1))
        self.register_buffer("frozen", torch.tensor(frozen_until > 0))

    def forward(self, unit: Tensor) -> Tensor:
        """(..., d) of length 1 to cosines (..., count)."""
        return F.linear(unit, self.weight.detach() if self.frozen else self.weight)

    @torch.no_grad()
    def after_step(self, progress: float) -> None:
        """Back to length 1; thaws when it is time."""
        self.weight.copy_(F.normalize(self.weight, dim=1))
        self.frozen.fill_(progress < self.frozen_until)


def apply_to_views(head: nn.Module, h: Tensor) -> Tensor:
    """A head's (v, n, d') for (v, n, d), all views in one pass: batch norm sees them together."""
    z: Tensor = head(h.flatten(0, 1)).unflatten(0, h.shape[:2])
    return z


def predictor(width: int, hidden: int) -> nn.Module:
    """(n, width) to (n, width): what one branch says of the other (arXiv 2006.07733, app. J)."""
    return nn.Sequential(
        nn.Linear(width, hidden, bias=False),
        nn.BatchNorm1d(hidden),
        nn.ReLU(),
        nn.Linear(hidden, width),
    )


def output_width(head: nn.Module, method: str) -> int:
    """The width of what a head gives. Raises ConfigError for a head without weights."""
    widths = [m.out_features for m in head.modules() if isinstance(m, nn.Linear)]
    if not widths:
        raise ConfigError(
            f"methods.{method} needs a head with outputs of its own; "
            "set pretrain.head to linear or nonlinear"
        )
    return widths[-1]
