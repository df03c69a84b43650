"""SwAV: predict the prototypes that the other view is given (arXiv 2006.09882, alg. 1)."""

import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, final

import torch
from annotated_types import Ge, Gt, Le, Lt
from torch import Tensor, nn

from twinview.core import declare
from twinview.core.errors import ConfigError
from twinview.core.types import Batch, Projections
from twinview.learning import log_sum_exp
from twinview.learning.parts import Method, Prototypes, Queue, apply_to_views, output_width
from twinview.settings.params import Params
from twinview.settings.ranges import oversized
from twinview.settings.sections import SmallCrops

Count = Annotated[int, Ge(1)]


def swav(
    encoder: nn.Module,
    head: nn.Module,
    *,
    prototypes: Annotated[int, Ge(2)],
    temperature: Annotated[float, Gt(0)],
    epsilon: Annotated[float, Gt(0)],
    iterations: Count,
    frozen_until: Annotated[float, Ge(0), Le(1)],
    queue: Count | None,
    queue_from: Annotated[float, Ge(0), Lt(1)],
    small_crops: SmallCrops | None,
) -> Method:
    """Two views, and small crops; each view's codes share the batch evenly among prototypes.

    epsilon, iterations: of Sinkhorn. frozen_until: the share of the training before which
    prototypes do not learn. queue: how many earlier examples help to find the codes, from the
    share queue_from on; null: none. small_crops: smaller crops, which predict the codes
    of both views and have none (multi-crop, section 3.2); null: none. SwAV: 3000 prototypes,
    temperature .1, .05, 3 iterations, frozen for one epoch, 3840 from epoch 15 on where batches are
    small, 6 crops of 96 pixels and scale (.05, .14) beside 224 and (.14, 1). A loss that stays at
    log(prototypes) is collapse, an epsilon of .03 a remedy.
    """
    if queue is None and queue_from:
        raise ConfigError(
            f"methods.swav.queue_from is {queue_from}, and there is no queue; set it to 0, or "
            "methods.swav.queue to a number of examples"
        )
    width = output_width(head, "swav")
    own = Swav(encoder, head, Prototypes(prototypes, width, frozen_until), temperature)
    own.epsilon, own.iterations, own.small_crops = epsilon, iterations, small_crops
    if queue is not None:
        own.queue = Queue(queue, (2, width), queue_from)
    return own


def _check(options: Mapping[str, Any], settings: Params) -> Iterator[str]:
    yield from oversized("methods.swav.queue", options["queue"] or 0, "train", settings)
    chain = settings.views.chain
    if options["small_crops"] and "random_resized_crop" not in chain:
        yield (
            "methods.swav.small_crops: small crops need random_resized_crop in "
            f"views.chain: {', '.join(chain)}; add it, or set this to null"
        )


DECLARES = declare.Method(
    negatives=None,
    check=_check,
    quick={
        "prototypes": 7,
        "epsilon": 0.05,
        "frozen_until": 0.3,
        "queue": 20,
        "queue_from": 0.2,
        "small_crops": {"count": 3, "size": 6, "scale": [0.2, 0.4]},
    },
    opts_out={
        "negatives": "a view predicts the other's code",
        "chance": "prototypes tell even then which codes the batch has to share",
    },
)


@final
class Swav(Method):
    """Its projections are those of both views, then of the small crops.

    All processes' are there when codes are found.
    """

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
        """The encoder takes a size at a time, the head all of them: as its batch norm sees them.

        Small crops are there in training; what is measured are the views.
        """
        h = self.encoder(batch.views)
        if batch.small_crops is not None:
            h = torch.cat([h, self.encoder(batch.small_crops)])
        return Projections(apply_to_views(self.head, h), batch.labels)

    def terms(self, projections: Projections) -> dict[str, Tensor]:
        """Cross-entropy, as 'loss', of predictions against the codes of the views but their own.

        The mean over all pairs of a view that has codes and another, of any size, that says them.
        """
        unit = log_sum_exp.normalise(projections.z)
        scores = self.prototypes(unit)
        codes = self._codes(unit[:2].detach(), scores[:2].detach())
        said = (scores / self.temperature).log_softmax(2)
        both = codes.sum(0, keepdim=True).expand(len(said) - 2, -1, -1)
        crossed = -(torch.cat([codes.flip(0), both]) * said).sum(2)
        # Each view but the two says two codes: 2 (v - 1) pairs in v sums.
        return {"loss": crossed.mean() * (len(said) / (2 * (len(said) - 1)))}

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
