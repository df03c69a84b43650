"""SwAV: predict the prototypes that the other view is given (arXiv 2006.09882, alg. 1)."""

import math
from typing import Annotated, final

import torch
from annotated_types import Ge, Gt, Le
from torch import Tensor, nn

from twinview import pairs
from twinview.parts import Method, Prototypes, Queue, on_rows, outputs
from twinview.types import Batch, Projections

Count = Annotated[int, Ge(1)]
Share = Annotated[float, Ge(0), Le(1)]


def swav(
    encoder: nn.Module,
    head: nn.Module,
    *,
    prototypes: Annotated[int, Ge(2)],
    temperature: Annotated[float, Gt(0)],
    epsilon: Annotated[float, Gt(0)],
    iterations: Count,
    frozen_until: Share,
    queue: Count | None,
    queue_from: Share,
) -> Method:
    """Two views, no smaller crops; each view's codes share the batch evenly among prototypes.

    epsilon, iterations: of Sinkhorn. frozen_until: the share of the training before which
    prototypes do not learn. queue: how many earlier examples help to find the codes, from the
    share queue_from on; null: none. SwAV: 3000 prototypes, .1, .05, 3 iterations, frozen for one
    epoch, 3840 from epoch 15 on where batches are small. A loss that stays at log(prototypes) is
    collapse, an epsilon of .03 a remedy.
    """
    width = outputs(head, "swav")
    own = Swav(encoder, head, Prototypes(prototypes, width, frozen_until), temperature)
    own.epsilon, own.iterations = epsilon, iterations
    if queue is not None:
        own.queue = Queue(queue, (2, width), queue_from)
    return own


@final
class Swav(Method):
    """Its projections are those of both views; all processes' are there when codes are found."""

    views = 2
    epsilon: float
    iterations: int

    def __init__(
        self, encoder: nn.Module, head: nn.Module, prototypes: Prototypes, temperature: float
    ) -> None:
        super().__init__()
        self.encoder, self.head, self.prototypes = encoder, head, prototypes
        self.temperature = temperature
        self.queue: Queue | None = None

    def project(self, batch: Batch) -> Projections:
        """All views in one pass, so that batch norm sees them together."""
        return Projections(on_rows(self.head, self.encoder(batch.views)), batch.labels)

    def terms(self, projections: Projections) -> dict[str, Tensor]:
        """Cross-entropy, as 'loss', of each view's prediction against the other view's codes."""
        unit = pairs.unit(projections.z)
        scores = self.prototypes(unit)
        codes = self._codes(unit.detach(), scores.detach())
        said = (scores / self.temperature).log_softmax(2)
        return {"loss": -(codes.flip(0) * said).sum(2).mean()}

    def chance(self, n: int) -> float:
        """Every prototype as likely."""
        return math.log(len(self.prototypes.weight))

    @torch.no_grad()
    def _codes(self, unit: Tensor, scores: Tensor) -> Tensor:
        """(2, n, k), each row of sum 1. The queue is offered the embeddings."""
        count = scores.shape[1]
        if self.queue is not None:
            if self.queue.full:
                earlier = self.prototypes(self.queue.rows.transpose(0, 1))
                scores = torch.cat([earlier, scores], dim=1)
            self.queue.offer(unit.transpose(0, 1))
        return torch.stack([self._shares(view) for view in scores])[:, -count:]

    def _shares(self, scores: Tensor) -> Tensor:
        """Sinkhorn-Knopp, in logarithms: exp(1 / epsilon) may be more than a float holds."""
        log = scores / self.epsilon
        for _ in range(self.iterations):
            log = log - log.logsumexp(0, keepdim=True)
            log = log - log.logsumexp(1, keepdim=True)
        return log.exp()
