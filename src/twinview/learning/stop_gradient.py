"""Predictions of other views without negatives or a slow copy: for simsiam and fast_siam."""

from typing import final

from torch import Tensor, nn

from twinview.core.types import Batch, Projections
from twinview.learning import log_sum_exp
from twinview.learning.parts import Method, apply_to_views


@final
class StopGradient(Method):
    """A method that predicts the mean projection of the other views, which has no gradient.

    Its projections are the predictions, its targets the projections without gradient. predictor:
    maps projections (n, d) to predictions (n, d). views: how many views of each example are
    encoded: 2 is SimSiam (arXiv 2011.10566, eq. 4), more is FastSiam (doi
    10.1007/978-3-031-16788-1_4).
    """

    def __init__(
        self, encoder: nn.Module, head: nn.Module, predictor: nn.Module, views: int
    ) -> None:
        super().__init__()
        self.encoder, self.head, self.predictor, self.views = encoder, head, predictor, views

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
