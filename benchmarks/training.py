"""The default recipe's training as benchmarks need it: same data, encoder, batches, seeds."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from twinview.compute import devices
from twinview.core import paths
from twinview.core.types import Embeddings
from twinview.data import splits
from twinview.data.splits import Prepared
from twinview.evaluation.metrics import accuracy
from twinview.learning import loop
from twinview.learning.parts import Method
from twinview.learning.pretraining import build
from twinview.models.embeddings import features
from twinview.models.encoder import Encoder
from twinview.probes.knn import knn
from twinview.probes.linear import linear
from twinview.settings.params import Params
from twinview.views.cache import read_plan, write_cache
from twinview.views.live import LiveViews, Views

CPU, ROWS = torch.device("cpu"), 500


@dataclass(frozen=True)
class Training:
    """A training that has not begun."""

    settings: Params
    prepared: Prepared
    encoder: Encoder
    method: Method

    @classmethod
    def from_settings(cls, settings: Params) -> "Training":
        """The training that `pretrain` would do. Needs data/prepared: `make repro` makes it."""
        devices.set_threads(settings.pretrain.threads)
        prepared = splits.load(paths.PREPARED)
        return cls(settings, prepared, *build(settings, prepared))

    def render(self, folder: Path, count: int) -> None:
        """Writes a cache of so many views an example, by the plan of the pipeline's views."""
        train, modality = self.prepared.splits["train"], self.prepared.modality
        shard = self.settings.views.cached.shard_mb * 2**20
        for _ in write_cache(folder, train, read_plan(paths.VIEWS), modality, count, shard):
            pass

    def live(self) -> LiveViews:
        """Views rendered in the loop."""
        render = read_plan(paths.VIEWS).renderer(self.prepared.modality)
        return LiveViews(render, self.prepared.splits["train"])

    def steps(self, views: Views) -> Iterator[loop.Step]:
        """The steps of the training on these views."""
        own = self.settings.pretrain
        return loop.fit(
            self.method,
            self.prepared.splits["train"],
            views,
            self.settings.bound("optimizers", own.optimizer),
            loop.Budget.of(own),
            CPU,
        )


def with_pretrain(settings: Params, **pretrain: object) -> Params:
    """The settings, with other values in the section pretrain."""
    own = settings.pretrain.model_copy(update=pretrain)
    return settings.model_copy(update={"pretrain": own})


def knn_on_validation(encoder: Encoder, prepared: Prepared) -> float:
    """Accuracy on validation of the best of three k: cosine, on features as they are."""
    train, validation = _embedded(encoder, prepared)
    vote = partial(knn, train, validation.features, temperature=0.07, whitened=0)
    return max(accuracy(validation, vote(neighbours=k)) for k in (5, 10, 20))


def linear_on_validation(encoder: Encoder, prepared: Prepared) -> float:
    """Accuracy on validation of a linear probe of strength .01."""
    train, validation = _embedded(encoder, prepared)
    return accuracy(validation, linear(train, validation.features, strength=0.01))


def _embedded(encoder: Encoder, prepared: Prepared) -> list[Embeddings]:
    """Train and validation."""
    encoder.eval()
    parts = [prepared.splits[name] for name in ("train", "validation")]
    found = [
        Embeddings(features(encoder, of.inputs.split(ROWS), CPU), of.labels, of.ids) for of in parts
    ]
    encoder.train()
    return found
