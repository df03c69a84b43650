"""Margin loss: a learned boundary between positive and negative pairs (arXiv 1706.07567, 4.2)."""

from typing import Annotated, Literal, final

import torch
from annotated_types import Ge, Gt
from torch import Tensor, nn

from twinview.core import declare
from twinview.core.errors import ConfigError, DataError
from twinview.core.types import Batch, Projections
from twinview.learning import log_sum_exp, pair_mining, tally
from twinview.learning.parts import Method, apply_to_views

# Negatives nearer than this are not drawn more often, since their gradients are mostly noise (the
# paper's code).
MIN_DISTANCE = 0.5


def margin(
    encoder: nn.Module,
    head: nn.Module,
    *,
    alpha: Annotated[float, Gt(0)],
    beta: Annotated[float, Gt(0)],
    classes: Annotated[int, Ge(1)] | None,
    positives: Literal["views", "classes"],
) -> Method:
    """Trains positive distances below beta - alpha, and negative ones above beta + alpha.

    Distances are Euclidean, of embeddings at length 1. The paper's code trains beta with a separate
    learning rate, and may regularise it; here beta has the optimizer's learning rate and no
    regulariser.

    Parameters
    ----------
    encoder, head : as in learning.parts.Method.
    alpha : the margin. The paper's code uses .2.
    beta : the initial boundary, which is learned without weight decay. The paper's code uses 1.2.
    classes : the number of classes, each of which has its own boundary, used for its anchors, as in
        the paper's code; null: all anchors share one.
    positives : views: the views of an example are positive pairs. classes: so are examples of the
        same class, as in the paper's code; training then raises DataError for unlabelled data, and
        ConfigError for more classes than `classes`.
    """
    supervised = positives == "classes"
    if classes is not None and not supervised:
        raise ConfigError.at(
            "methods.margin.classes",
            f"is {classes}, but methods.margin.positives is {positives!r}, which uses no labels",
            "set it to null, or methods.margin.positives to classes",
        )
    return Margin(encoder, head, alpha, torch.full((classes or 1,), beta), classes, supervised)


DECLARES = declare.Method(
    negatives=lambda n, alike, options: (
        2 * (n - (alike if options["positives"] == "classes" else 1))
    ),
    opts_out={
        "chance": "negatives are sampled by distance: chance is that of unrelated embeddings"
    },
)


@final
class Margin(Method):
    """Distance-weighted sampling without noise: a negative is weighted by its probability."""

    views = 2

    def __init__(
        self,
        encoder: nn.Module,
        head: nn.Module,
        alpha: float,
        beta: Tensor,
        classes: int | None,
        supervised: bool,
    ) -> None:
        super().__init__()
        self.encoder, self.head = encoder, head
        self.beta = nn.Parameter(beta)
        self.alpha, self.classes, self.supervised = alpha, classes, supervised

    def project(self, batch: Batch) -> Projections:
        """The projections, all views in one pass, so that batch norm sees them together."""
        return Projections(apply_to_views(self.head, self.encoder(batch.views)), batch.labels)

    def terms(self, projections: Projections) -> dict[str, Tensor]:
        """The expectation of the paper's loss, as 'loss': the mean over pairs with a loss above 0.

        For each positive pair, the anchor draws one of its negatives with a loss above 0. A batch
        without pairs of a loss above 0 has loss zero, with a gradient of zero; the tally counts
        such batches as without_costly_pair.
        """
        z, labels = projections.z, self._labels(projections.labels)
        distances = pair_mining.pairwise_distances(log_sum_exp.normalise(z), "euclidean")
        positive, negative = pair_mining.pair_masks(z, labels)
        tally.record_anchors(positive.sum(1), negative.sum(1))
        excess = distances - self._boundaries(labels, len(z))
        positive_loss = (self.alpha + excess).relu() * positive
        negative_loss = (self.alpha - excess).relu() * negative
        probabilities = _sampling_probabilities(distances, negative_loss > 0, z.shape[2])
        draws = probabilities * positive.sum(1, keepdim=True)
        costly = (positive_loss > 0).sum() + draws.sum()
        tally.record(without_costly_pair=float(costly == 0))
        total = positive_loss.sum() + (draws * negative_loss).sum()
        return {"loss": total / costly.clamp(min=1)}

    def chance(self, n: int) -> float:
        """The loss of distances that carry no information, once beta lies among them."""
        return self.alpha

    def _labels(self, labels: Tensor | None) -> Tensor | None:
        """The labels that decide which pairs are positive, checked; None for views."""
        if not self.supervised:
            return None
        if labels is None:
            raise DataError.at(
                "methods.margin.positives",
                "is classes, and this data has no labels",
                "set it to views",
            )
        if self.classes is not None and int(labels.max()) >= self.classes:
            raise ConfigError.at(
                "methods.margin.classes",
                f"is {self.classes}, and this data has a label {int(labels.max())}",
                f"set it to {int(labels.max()) + 1} or more, or to null",
            )
        return labels

    def _boundaries(self, labels: Tensor | None, views: int) -> Tensor:
        """The boundary of each anchor: (m, 1), or (1,) if all anchors share it.

        That of an anchor without a label is the mean of all classes.
        """
        if self.classes is None or labels is None:
            return self.beta
        labels = labels.repeat(views)[:, None]
        return torch.where(labels < 0, self.beta.mean(), self.beta[labels.clamp(min=0)])


@torch.no_grad()
def _sampling_probabilities(distances: Tensor, eligible: Tensor, width: int) -> Tensor:
    """The probability of each anchor's draw of each negative: (m, m).

    Rows sum to 1, or to 0 if no negative is eligible. A probability is proportional to 1 over the
    density of distances between random points of a sphere in `width` dimensions (section 4.1), so
    that all distances are equally likely.
    """
    d = distances.clamp(min=MIN_DISTANCE)
    # The clamp keeps the logarithm finite for opposite points, whose density is zero.
    log_density = (width - 2) * d.log() + (width - 3) / 2 * (1 - d.square() / 4).clamp(1e-6).log()
    lowest = torch.finfo(distances.dtype).min
    return (-log_density).masked_fill(~eligible, lowest).softmax(1) * eligible
