"""BYOL: predict what a slow copy says of the other view; no negatives (arXiv 2006.07733, eq. 2)."""

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
    """2 - 2 cosine of prediction and target, summed over both directions: 4 by chance, 0 at best.

    A collapsed encoder reaches 0 too, which the monitors see; 'slow' means above 3.6. Wants batch
    norm in the head. BYOL: decay .996, rising to 1 over the training, predictor_hidden 4096.
    """
    return Byol(encoder, head, decay, predictor_hidden)


DECLARES = declare.Method(
    negatives=None,
    quick={"decay": 0.9, "predictor_hidden": 6},
    opts_out={
        "negatives": "a view predicts the slow one of the same example",
        "chance": "all alike is its minimum; chance is two unrelated directions",
    },
)


@final
class Byol(Method):
    """Its projections are the predictions, its targets the slow copy's projections."""

    views = 2

    def __init__(
        self, encoder: nn.Module, head: nn.Module, decay: float, predictor_hidden: int
    ) -> None:
        super().__init__()
        self.encoder, self.head = encoder, head
        self.predictor = predictor(output_width(head, "byol"), predictor_hidden)
        self.slow = Momentum(encoder, head, decay, decay_schedule="cosine")

    def project(self, batch: Batch) -> Projections:
        """Every view by both networks."""
        z = apply_to_views(self.head, self.encoder(batch.views))
        return Projections(apply_to_views(self.predictor, z), batch.labels, self.slow(batch.views))

    def terms(self, projections: Projections) -> dict[str, Tensor]:
        """Squared distance, as 'loss', of each view's unit prediction and the other's target."""
        assert projections.targets is not None
        targets = log_sum_exp.normalise(projections.targets).flip(0)
        cosines = (log_sum_exp.normalise(projections.z) * targets).sum(2)
        return {"loss": (2 - 2 * cosines).mean(1).sum()}

    def chance(self, n: int) -> float:
        """Of directions that have nothing to do with each other."""
        return 4.0
