"""BYOL: predict a slow copy's projection of the other view (arXiv 2006.07733, eq. 2)."""

from typing import Annotated, final

from annotated_types import Ge, Lt
from torch import Tensor, nn

from twinview.core import declare
from twinview.core.types import Batch, Projections
from twinview.learning import log_sum_exp
from twinview.learning.parts import Method, Momentum, apply_to_views, output_width, predictor


def byol(
    encoder: nn.Module,
    head: nn.Module,
    *,
    decay: Annotated[float, Ge(0), Lt(1)],
    predictor_hidden: Annotated[int, Ge(1)],
) -> Method:
    """Trains predictions of the slow projections: 2 - 2 cosine, summed over both directions.

    The loss is 4 at chance and 0 at best. A collapsed encoder reaches 0 too, which the monitors
    detect. The head needs batch norm. There are no negatives.

    Parameters
    ----------
    encoder, head : as in learning.parts.Method.
    decay : the share of the slow weight in each update; it rises to 1 over the training. BYOL uses
        .996.
    predictor_hidden : the width of the predictor's hidden layer. BYOL uses 4096.
    """
    return Byol(encoder, head, decay, predictor_hidden)


DECLARES = declare.Method(
    negatives=None,
    quick={"decay": 0.9, "predictor_hidden": 6},
    opts_out={
        "negatives": "a view predicts the slow projection of the same example",
        "chance": "all alike is the minimum; chance is two unrelated directions",
    },
)


@final
class Byol(Method):
    """Its projections are the predictions; its targets are the projections of the slow copy."""

    views = 2

    def __init__(
        self, encoder: nn.Module, head: nn.Module, decay: float, predictor_hidden: int
    ) -> None:
        super().__init__()
        self.encoder, self.head = encoder, head
        self.predictor = predictor(output_width(head, "byol"), predictor_hidden)
        self.slow = Momentum(encoder, head, decay, decay_schedule="cosine")

    def project(self, batch: Batch) -> Projections:
        """The predictions and the slow projections of all views."""
        z = apply_to_views(self.head, self.encoder(batch.views))
        return Projections(apply_to_views(self.predictor, z), batch.labels, self.slow(batch.views))

    def terms(self, projections: Projections) -> dict[str, Tensor]:
        """The squared distance of each view's prediction, at length 1, from the other's target."""
        assert projections.targets is not None
        targets = log_sum_exp.normalise(projections.targets).flip(0)
        cosines = (log_sum_exp.normalise(projections.z) * targets).sum(2)
        return {"loss": (2 - 2 * cosines).mean(1).sum()}

    def chance(self, n: int) -> float:
        """The loss of unrelated directions, whose cosine is 0."""
        return 4.0
