"""SwAV: predict the prototypes that the other view is assigned to (arXiv 2006.09882, alg. 1)."""

import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, final

import torch
from annotated_types import Ge, Gt, Le, Lt
from torch import Tensor, nn

from twinview.core import declare
from twinview.core.errors import ConfigError
from twinview.core.types import Batch, Projections
from twinview.learning import log_sum_exp, multi_crop
from twinview.learning.parts import Method, Prototypes, Queue, output_width
from twinview.settings.params import Params
from twinview.settings.ranges import oversized, uncropped
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
    """Trains predictions of codes, which assign the batch evenly to prototypes.

    A loss that stays at log(prototypes) is a collapse; an epsilon of .03 is a remedy.

    Parameters
    ----------
    encoder, head : as in learning.parts.Method.
    prototypes : their number. SwAV uses 3000.
    temperature : divides the cosines of a prediction. SwAV uses .1.
    epsilon : the entropy weight of the Sinkhorn algorithm. SwAV uses .05.
    iterations : of the Sinkhorn algorithm. SwAV uses 3.
    frozen_until : the share of the training before which the prototypes do not learn. SwAV uses one
        epoch.
    queue : how many earlier examples take part in the assignment; null: none. SwAV uses 3840 when
        batches are small.
    queue_from : the share of the training before which the queue takes in nothing. SwAV uses 15
        epochs.
    small_crops : smaller crops, which predict the codes of both views and have none themselves
        (multi-crop, section 3.2); null: none. SwAV uses 6 crops of 96 pixels and
        scale (.05, .14), and views of 224 pixels and scale (.14, 1).
    """
    if queue is None and queue_from:
        raise ConfigError.at(
            "methods.swav.queue_from",
            f"is {queue_from}, and there is no queue",
            "set it to 0, or methods.swav.queue to a number of examples",
        )
    width = output_width(head, "swav")
    method = Swav(encoder, head, Prototypes(prototypes, width, frozen_until), temperature)
    method.epsilon, method.iterations, method.small_crops = epsilon, iterations, small_crops
    if queue is not None:
        method.queue = Queue(queue, (2, width), queue_from)
    return method


def _check(options: Mapping[str, Any], settings: Params) -> Iterator[str]:
    yield from oversized("methods.swav.queue", options["queue"] or 0, "train", settings)
    yield from uncropped("methods.swav.small_crops", options["small_crops"], settings)


DECLARES = declare.Method(
    negatives=None,
    check=_check,
    quick={
        "prototypes": 7,
        "epsilon": 0.05,
        "frozen_until": 0.3,
        "queue": 20,
        "queue_from": 0.2,
        "small_crops": {"count": 3, "side": 6, "scale": [0.2, 0.4]},
    },
    opts_out={
        "negatives": "a view predicts the other's code",
        "chance": "random prototypes already predict which codes the batch has to share",
    },
)


@final
class Swav(Method):
    """Its projections are those of both views, then of the small crops.

    The codes are computed from the projections of all processes.
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
        """The projections of the views and, in training, of the small crops."""
        return Projections(multi_crop.project(self.encoder, self.head, batch), batch.labels)

    def terms(self, projections: Projections) -> dict[str, Tensor]:
        """The cross-entropy, as 'loss', of predictions and the codes of other views.

        It is the mean over all pairs of a view with codes and another view or crop that predicts
        them.
        """
        unit = log_sum_exp.normalise(projections.z)
        scores = self.prototypes(unit)
        codes = self._codes(unit[:2].detach(), scores[:2].detach())
        log_p = (scores / self.temperature).log_softmax(2)
        return {"loss": multi_crop.cross_entropy(codes, log_p)}

    def chance(self, n: int) -> float:
        """The loss when all prototypes are equally likely."""
        return math.log(len(self.prototypes.weight))

    @torch.no_grad()
    def _codes(self, unit: Tensor, scores: Tensor) -> Tensor:
        """The codes (2, n, k), whose rows sum to 1; the embeddings are offered to the queue."""
        count = scores.shape[1]
        if self.queue is not None:
            if self.queue.full:
                earlier = self.prototypes(self.queue.rows.transpose(0, 1))
                scores = torch.cat([earlier, scores], dim=1)
            self.queue.offer(unit.transpose(0, 1))
        return torch.stack([self._sinkhorn(view) for view in scores])[:, -count:]

    def _sinkhorn(self, scores: Tensor) -> Tensor:
        """The Sinkhorn-Knopp algorithm, in logarithms, since exp(1 / epsilon) may overflow."""
        log = scores / self.epsilon
        for _ in range(self.iterations):
            log = log - log.logsumexp(0, keepdim=True)
            log = log - log.logsumexp(1, keepdim=True)
        return log.exp()
