"""MoCo: find each query's key among keys of earlier batches (arXiv 1911.05722, algorithm 1)."""

import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, final

import torch
from annotated_types import Ge, Gt, Lt
from torch import Tensor, nn

from twinview.compute import batch_norm, processes
from twinview.core import declare
from twinview.core.errors import ConfigError
from twinview.core.types import Batch, Projections
from twinview.learning import log_sum_exp
from twinview.learning.parts import Method, Momentum, Queue, apply_to_views, output_width, predictor
from twinview.objectives.info_nce import info_nce
from twinview.settings.params import Params
from twinview.settings.ranges import oversized

Count = Annotated[int, Ge(1)]


def moco(
    encoder: nn.Module,
    head: nn.Module,
    *,
    temperature: Annotated[float, Gt(0)],
    decay: Annotated[float, Ge(0), Lt(1)],
    decay_schedule: Literal["constant", "cosine"],
    queue: Count | None,
    symmetric: bool,
    predictor_hidden: Count | None,
    batch_norm_group: Annotated[int, Ge(2)] | None,
) -> Method:
    """Trains a query encoder by InfoNCE; a slow copy of it makes the keys.

    v2 (2003.04297): temperature .2, decay .999, constant, queue 65536, not symmetric, no predictor,
    batch_norm_group 32. v3 (2104.02057): temperature 1 (ResNet-50) or .2 (ViT), decay .99, cosine,
    no queue, symmetric, predictor_hidden 4096, no groups; it also scales the loss.

    Parameters
    ----------
    encoder, head : as in learning.parts.Method.
    temperature : divides the cosines.
    decay : the share of the slow weight in each update.
    decay_schedule : constant, or cosine: the decay rises to 1.
    queue : how many earlier keys are negatives; null: the other keys of the batch are.
    symmetric : whether each view is a query once; otherwise only the first view is.
    predictor_hidden : the width of the hidden layer of a predictor of the queries; null: there is
        none.
    batch_norm_group : how many rows batch norm normalises together. The keys are shuffled, so that
        its statistics do not reveal whose key is whose (section 3.3). null: all rows, unshuffled.
    """
    slow = Momentum(encoder, head, decay, decay_schedule)
    method = Moco(encoder, head, temperature, slow, symmetric)
    width = output_width(head, "moco")
    if queue is not None:
        method.queue = Queue(queue, (width,), start=0)
    if predictor_hidden is not None:
        method.predictor = predictor(width, predictor_hidden)
    if batch_norm_group is not None:
        method.batch_norm_group = batch_norm_group
        batch_norm.split(method, batch_norm_group)
    return method


def _check(options: Mapping[str, Any], settings: Params) -> Iterator[str]:
    yield from oversized("methods.moco.queue", options["queue"] or 0, "train", settings)
    if options["queue"] and settings.views.positives == "group":
        yield (
            f"methods.moco.queue: is {options['queue']}, and views.positives is 'group', so the "
            "queue would hold keys of the anchor's group as negatives; set it to null"
        )
    pretrain, group = settings.pretrain, options["batch_norm_group"]
    if group and group >= pretrain.batch_size:
        yield (
            f"methods.moco.batch_norm_group: is {group}, not less than pretrain.batch_size: "
            f"{pretrain.batch_size}, so batch norm could reveal whose key is whose, as with null; "
            f"set it to {math.gcd(pretrain.batch_size // 2, pretrain.rows_at_once)}, or to null"
        )
    elif group and pretrain.rows_at_once % group:
        yield (
            f"methods.moco.batch_norm_group: is {group}, which does not divide the "
            f"{pretrain.rows_at_once} rows that the encoder gets at a time; set it to "
            f"{math.gcd(group, pretrain.rows_at_once)}, or to null"
        )


DECLARES = declare.Method(
    negatives=lambda n, alike, options: options["queue"] or n - 1,
    check=_check,
    quick={"decay": 0.9, "decay_schedule": "cosine", "queue": 10, "batch_norm_group": 2},
    opts_out={
        "chance": "the negatives are in the queue",
        "order of views": "queries and keys, unless symmetric",
    },
)


@final
class Moco(Method):
    """Its projections are the queries; the keys are targets if symmetric, else projections too."""

    views = 2

    def __init__(
        self,
        encoder: nn.Module,
        head: nn.Module,
        temperature: float,
        slow: Momentum,
        symmetric: bool,
    ) -> None:
        super().__init__()
        self.encoder, self.head, self.slow = encoder, head, slow
        self.predictor: nn.Module = nn.Identity()
        self.queue: Queue | None = None
        self.batch_norm_group: int | None = None
        self.temperature, self.symmetric = temperature, symmetric

    def project(self, batch: Batch) -> Projections:
        """The queries and keys, of different views."""
        views = batch.views
        keys = self._keys(views if self.symmetric else views[1:])
        z = apply_to_views(self.head, self.encoder(views if self.symmetric else views[:1]))
        z = apply_to_views(self.predictor, z)
        if self.symmetric:
            return Projections(z, batch.labels, keys)
        return Projections(torch.cat([z, keys]), batch.labels)

    def terms(self, projections: Projections) -> dict[str, Tensor]:
        """InfoNCE, as 'loss', the mean over views; the keys are offered to the queue."""
        queries, keys = projections.z[:1], projections.z[1:]
        if projections.targets is not None:
            queries, keys = projections.z, projections.targets.flip(0)
        negatives = None if self.queue is None else self.queue.rows
        losses = [
            info_nce(torch.stack(pair), None, negatives, temperature=self.temperature)
            for pair in zip(queries, keys, strict=True)
        ]
        if self.queue is not None:
            self.queue.offer(log_sum_exp.normalise(keys).flatten(0, 1))
        return {"loss": torch.stack(losses).mean()}

    def chance(self, n: int) -> float:
        """The loss when all negatives are as near as the key; random ones are farther at first."""
        return math.log(n if self.queue is None else len(self.queue.rows) + 1)

    @torch.no_grad()
    def _keys(self, views: Tensor) -> Tensor:
        """The keys of this process's examples, encoded in a random order over all processes."""
        if self.batch_norm_group is None or not self.training:
            keys: Tensor = self.slow(views)
            return keys
        if views.shape[1] % self.batch_norm_group:  # a group would mix views
            raise ConfigError.at(
                "methods.moco.batch_norm_group",
                f"is {self.batch_norm_group}, which does not divide the {views.shape[1]} examples "
                "of a process",
                f"set it to {math.gcd(self.batch_norm_group, views.shape[1])}, or to null",
            )
        all_views = processes.all_gather(views, dim=1)
        order = processes.broadcast(torch.randperm(all_views.shape[1])).to(views.device)
        keys = processes.all_gather(self.slow(all_views[:, processes.local_rows(order)]), dim=1)
        return keys[:, processes.local_rows(order.argsort())]
