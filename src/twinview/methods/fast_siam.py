"""FastSiam: predict the mean of the other views (doi 10.1007/978-3-031-16788-1_4)."""

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
    """Trains each view's prediction of the mean projection of the others: 1 - cosine.

    The loss is 1 at chance. A collapsed encoder reaches 0, which the monitors detect. The head
    needs batch norm. There are no negatives, and there is no slow copy. The predictor has the same
    learning rate as all other weights, whereas SimSiam keeps it constant.

    Parameters
    ----------
    encoder, head : as in learning.parts.Method.
    views : how many views of each example are encoded. FastSiam uses 4; 2 is SimSiam (2011.10566).
    predictor_hidden : the width of the predictor's hidden layer. SimSiam uses a quarter of the
        head's outputs.
    """
    return FastSiam(encoder, head, views, predictor_hidden)


DECLARES = declare.Method(
    negatives=None,
    opts_out={
        "negatives": "a view predicts the others of the same example",
        "chance": "all alike is the minimum; chance is two unrelated directions",
    },
)


@final
class FastSiam(Method):
    """Its projections are the predictions; its targets are the projections without gradient."""

    def __init__(
        self, encoder: nn.Module, head: nn.Module, views: int, predictor_hidden: int
    ) -> None:
        super().__init__()
        self.encoder, self.head, self.views = encoder, head, views
        self.predictor = predictor(output_width(head, "fast_siam"), predictor_hidden)

    def project(self, batch: Batch) -> Projections:
        """The predictions and the projections, all views in one pass."""
        z = apply_to_views(self.head, self.encoder(batch.views))
        return Projections(apply_to_views(self.predictor, z), batch.labels, z.detach())

    def terms(self, projections: Projections) -> dict[str, Tensor]:
        """1 - cosine of each prediction and the other projections' mean, averaged over views."""
        targets = projections.targets
        assert targets is not None
        others = targets.sum(0) - targets  # only the direction counts, which is that of the mean
        cosines = (log_sum_exp.normalise(projections.z) * log_sum_exp.normalise(others)).sum(2)
        return {"loss": 1 - cosines.mean()}

    def chance(self, n: int) -> float:
        """The loss of unrelated directions, whose cosine is 0."""
        return 1.0
