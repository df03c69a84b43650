"""NNCLR: the positive is the nearest projection of earlier batches (arXiv 2104.14548, eq. 3)."""

import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, final

import torch
from annotated_types import Ge, Gt
from torch import Tensor, nn

from twinview.core import declare
from twinview.core.types import Batch, Projections
from twinview.learning import log_sum_exp
from twinview.learning.parts import Method, Queue, apply_to_views, output_width, predictor
from twinview.objectives.info_nce import info_nce
from twinview.settings.params import Params
from twinview.settings.ranges import oversized

Count = Annotated[int, Ge(1)]


def nnclr(
    encoder: nn.Module,
    head: nn.Module,
    *,
    temperature: Annotated[float, Gt(0)],
    queue: Count,
    predictor_hidden: Count,
) -> Method:
    """Trains predictions by InfoNCE: the nearest row of a queue finds the other view's prediction.

    A view's projection is replaced by the nearest row of the queue, the paper's support set, so
    that the positive pair is of two examples that are alike. The predictions of the other examples
    of the batch are the negatives. Both directions are averaged.

    Parameters
    ----------
    encoder, head : as in learning.parts.Method.
    temperature : divides the cosines. NNCLR uses .1.
    queue : how many earlier projections are kept, those of first views. NNCLR uses 98304.
    predictor_hidden : the width of the predictor's hidden layer. NNCLR uses 4096.
    """
    width = output_width(head, "nnclr")
    support = Queue(queue, (width,), start=0)
    return Nnclr(encoder, head, predictor(width, predictor_hidden), support, temperature)


def _check(options: Mapping[str, Any], settings: Params) -> Iterator[str]:
    yield from oversized("methods.nnclr.queue", options["queue"], "train", settings)


DECLARES = declare.Method(
    negatives=lambda n, alike, options: n - 1,
    check=_check,
    quick={"queue": 10, "predictor_hidden": 6},
)


@final
class Nnclr(Method):
    """Its projections are the predictions; its targets are the projections without gradient."""

    views = 2

    def __init__(
        self,
        encoder: nn.Module,
        head: nn.Module,
        predictor: nn.Module,
        queue: Queue,
        temperature: float,
    ) -> None:
        super().__init__()
        self.encoder, self.head, self.predictor = encoder, head, predictor
        self.queue, self.temperature = queue, temperature

    def project(self, batch: Batch) -> Projections:
        """The predictions and the projections, both views in one pass."""
        z = apply_to_views(self.head, self.encoder(batch.views))
        return Projections(apply_to_views(self.predictor, z), batch.labels, z.detach())

    def terms(self, projections: Projections) -> dict[str, Tensor]:
        """InfoNCE, as 'loss', the mean over directions; first views are offered to the queue."""
        assert projections.targets is not None
        unit = log_sum_exp.normalise(projections.targets)
        pairs = zip(self._nearest(unit), projections.z.flip(0), strict=True)
        losses = [
            info_nce(torch.stack(pair), None, None, temperature=self.temperature) for pair in pairs
        ]
        self.queue.offer(unit[0])
        return {"loss": torch.stack(losses).mean()}

    def chance(self, n: int) -> float:
        """The loss when all predictions are equally near."""
        return math.log(n)

    def _nearest(self, unit: Tensor) -> Tensor:
        """The queue's rows that are nearest to projections of length 1: (2, n, d) to (2, n, d)."""
        rows = self.queue.rows
        tiles = unit.flatten(0, 1).split(log_sum_exp.CPU_TILE)  # so that memory does not grow by n
        nearest = torch.cat([(tile @ rows.T).argmax(1) for tile in tiles])
        return rows[nearest].view_as(unit)
