"""FastSiam: predict the mean of an example's other views (doi 10.1007/978-3-031-16788-1_4)."""

from typing import Annotated, final

from annotated_types import Ge
from torch import Tensor, nn

from twinview.core import declare
from twinview.core.types import Batch, Projections
from twinview.learning import log_sum_exp
from twinview.learning.parts import Method, apply_to_views, output_width, predictor


def fast_siam(
    encoder: nn.Module,
    head: nn.Module,
    *,
    views: Annotated[int, Ge(2)],
    predictor_hidden: Annotated[int, Ge(1)],
) -> Method:
    """1 - cosine of each view's prediction and the mean of the others' projections: 1 by chance.

    No negatives and no slow copy; a collapsed encoder reaches 0 too, which the monitors see. Wants
    batch norm in the head. An example costs as many encoder passes as it has views. FastSiam:
    4 views; with 2 it is SimSiam (2011.10566). predictor_hidden: SimSiam's is a quarter of the
    head's outputs. SimSiam's constant rate for the predictor is not followed.
    """
    return FastSiam(encoder, head, views, predictor_hidden)


DECLARES = declare.Method(
    negatives=None,
    opts_out={
        "negatives": "a view predicts the others of the same example",
        "chance": "all alike is its minimum; chance is two unrelated directions",
    },
)


@final
class FastSiam(Method):
    """Its projections are the predictions, its targets the projections, held fixed."""

    def __init__(
        self, encoder: nn.Module, head: nn.Module, views: int, predictor_hidden: int
    ) -> None:
        super().__init__()
        self.encoder, self.head, self.views = encoder, head, views
        self.predictor = predictor(output_width(head, "fast_siam"), predictor_hidden)

    def project(self, batch: Batch) -> Projections:
        """All views in one pass, so that batch norm sees them together."""
        z = apply_to_views(self.head, self.encoder(batch.views))
        return Projections(apply_to_views(self.predictor, z), batch.labels, z.detach())

    def terms(self, projections: Projections) -> dict[str, Tensor]:
        """The mean over views, as 'loss'. The mean of the others is one of their projections."""
        targets = projections.targets
        assert targets is not None
        others = targets.sum(0) - targets  # of the mean's direction, which is all that counts
        cosines = (log_sum_exp.normalise(projections.z) * log_sum_exp.normalise(others)).sum(2)
        return {"loss": 1 - cosines.mean()}

    def chance(self, n: int) -> float:
        """Of directions that have nothing to do with each other."""
        return 1.0
