"""What methods are made of."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import final

from torch import Tensor, nn

from twinview.types import Batch, Projections


class Method(nn.Module, ABC):
    """A way of learning: two halves, between which processes exchange their projections.

    views: how many views of an example it consumes a step. encoder: what outlives the training;
    takes views (v, n, ...) to h (v, n, d), perhaps a few examples at a time. Heads get all of h,
    so that their batch norm sees the whole batch.
    """

    views: int
    encoder: nn.Module

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
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = head
        self.objective = objective
        self._chance = chance
        self.views = views

    def project(self, batch: Batch) -> Projections:
        """All views in one pass, so that batch norm sees them together."""
        h = self.encoder(batch.views)
        z = self.head(h.flatten(0, 1))
        return Projections(z.unflatten(0, h.shape[:2]), batch.labels)

    def terms(self, projections: Projections) -> dict[str, Tensor]:
        """The objective, as 'loss'."""
        return {"loss": self.objective(projections.z, projections.labels)}

    def chance(self, n: int) -> float:
        """The objective's value for embeddings that say nothing, at batch size n."""
        return self._chance(n)
