"""Margin loss: a learned distance parts alike from different (arXiv 1706.07567, section 4.2)."""

from typing import Annotated, Literal, final

import torch
from annotated_types import Ge, Gt
from torch import Tensor, nn

from twinview.core import declare
from twinview.core.errors import ConfigError, DataError
from twinview.core.types import Batch, Projections
from twinview.learning import log_sum_exp, pair_mining, tally
from twinview.learning.parts import Method, apply_to_views

# Nearer negatives are drawn no more often: their gradients are mostly noise (the paper's code).
NEAREST = 0.5


def margin(
    encoder: nn.Module,
    head: nn.Module,
    *,
    alpha: Annotated[float, Gt(0)],
    beta: Annotated[float, Gt(0)],
    classes: Annotated[int, Ge(1)] | None,
    positives: Literal["views", "classes"],
) -> Method:
    """Positive pairs nearer than beta - alpha, negative ones farther than beta + alpha.

    Euclidean distances of unit embeddings. beta: where the boundary starts; it is learned, without
    weight decay. classes: each of so many classes has its own, as an anchor; null: one for all.
    positives: which pairs are alike: views of an example, or also examples of a class. Classes
    raise DataError for unlabelled data, and ConfigError for more classes than `classes`. The
    paper's code: .2, 1.2, one for each class, classes; its beta has a learning rate of its own
    (here the optimizer's) and a regulariser that is zero unless asked for (here none).
    """
    supervised = positives == "classes"
    if classes is not None and not supervised:
        raise ConfigError(
            f"methods.margin.classes is {classes}, and labels are not looked at; set it to null, "
            "or methods.margin.positives to classes"
        )
    return Margin(encoder, head, alpha, torch.full((classes or 1,), beta), classes, supervised)


DECLARES = declare.Method(
    negatives=lambda n, alike, options: (
        2 * (n - (alike if options["positives"] == "classes" else 1))
    ),
    opts_out={"chance": "its distances are drawn: chance is those of unrelated embeddings"},
)


@final
class Margin(Method):
    """Distance-weighted sampling without its noise: a negative counts by its chance of a draw."""

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
        """All views in one pass, so that batch norm sees them together."""
        return Projections(apply_to_views(self.head, self.encoder(batch.views)), batch.labels)

    def terms(self, projections: Projections) -> dict[str, Tensor]:
        """The mean over pairs that cost something, as 'loss': the expectation of the paper's.

        To each positive pair its anchor draws a negative, of those that cost something if there are
        any. A batch without such pairs costs zero, with a gradient of zero; without_costly_pair
        becomes the share of these steps.
        """
        z, labels = projections.z, self._known(projections.labels)
        apart = pair_mining.pairwise_distances(log_sum_exp.normalise(z), "euclidean")
        positive, negative = pair_mining.pair_masks(z, labels)
        tally.record_anchors(positive.sum(1), negative.sum(1))
        beyond = apart - self._boundaries(labels, len(z))
        near, far = (self.alpha + beyond).relu() * positive, (self.alpha - beyond).relu() * negative
        drawn = _chances(apart, far > 0, z.shape[2]) * positive.sum(1, keepdim=True)
        costly = (near > 0).sum() + drawn.sum()
        tally.record(without_costly_pair=float(costly == 0))
        return {"loss": (near.sum() + (drawn * far).sum()) / costly.clamp(min=1)}

    def chance(self, n: int) -> float:
        """Of distances that do not tell, once beta is among them; more before it is."""
        return self.alpha

    def _known(self, labels: Tensor | None) -> Tensor | None:
        if not self.supervised:
            return None
        if labels is None:
            raise DataError(
                "methods.margin.positives is classes, and this data has no labels; set it to views"
            )
        if self.classes is not None and int(labels.max()) >= self.classes:
            raise ConfigError(
                f"methods.margin.classes is {self.classes}, and this data has a label "
                f"{int(labels.max())}; set it to {int(labels.max()) + 1} or more, or to null"
            )
        return labels

    def _boundaries(self, labels: Tensor | None, views: int) -> Tensor:
        """Of each anchor: (m, 1), or (1,) where all have the same."""
        if self.classes is None or labels is None:
            return self.beta
        return self.beta[labels.repeat(views), None]


@torch.no_grad()
def _chances(apart: Tensor, eligible: Tensor, width: int) -> Tensor:
    """How likely each anchor draws each negative: (m, m), rows of sum 1, or 0 if none is eligible.

    One over the density of distances between random points of a sphere in `width` dimensions
    (section 4.1), so that all distances are drawn alike.
    """
    d = apart.clamp(min=NEAREST)
    # Antipodes have a density of zero.
    log_density = (width - 2) * d.log() + (width - 3) / 2 * (1 - d.square() / 4).clamp(1e-6).log()
    lowest = torch.finfo(apart.dtype).min
    return (-log_density).masked_fill(~eligible, lowest).softmax(1) * eligible
