"""The training of the default recipe for benchmarks: same data, encoder, batches and seeds."""

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

CPU, EMBED_BATCH = torch.device("cpu"), 500


@dataclass(frozen=True)
class Training:
    """A training that has not started."""

    settings: Params
    prepared: Prepared
    encoder: Encoder
    method: Method

    @classmethod
    def from_settings(cls, settings: Params) -> "Training":
        """The training of the stage pretrain. It needs data/prepared, which `dvc repro` makes."""
        devices.set_threads(settings.pretrain.threads)
        prepared = splits.load(paths.PREPARED)
        return cls(settings, prepared, *build(settings, prepared))

    def render(self, folder: Path, count: int) -> None:
        """Writes a cache of `count` views of each example, by the plan in the views' folder."""
        train, modality = self.prepared.splits["train"], self.prepared.modality
        shard = self.settings.views.cached.shard_mb * 2**20
        for _ in write_cache(folder, train, read_plan(paths.VIEWS), modality, count, shard):
            pass

    def live(self) -> LiveViews:
        """Views that are rendered in the loop."""
        render = read_plan(paths.VIEWS).renderer(self.prepared.modality)
        return LiveViews(render, self.prepared.splits["train"])

    def steps(self, views: Views) -> Iterator[loop.Step]:
        """The steps of the training on these views."""
        pretrain = self.settings.pretrain
        return loop.fit(
            self.method,
            self.prepared.splits["train"],
            views,
            self.settings.bound("optimizers", pretrain.optimizer),
            loop.Budget.from_settings(pretrain),
            CPU,
        )


def with_pretrain(settings: Params, **changes: object) -> Params:
    """The settings with other values in the section pretrain."""
    pretrain = settings.pretrain.model_copy(update=changes)
    return settings.model_copy(update={"pretrain": pretrain})


def knn_on_validation(encoder: Encoder, prepared: Prepared) -> float:
    """The accuracy on validation of cosine kNN with the best of three k."""
    train, validation = _embedded(encoder, prepared)
    vote = partial(knn, train, validation.features, temperature=0.07, pca_components=0)
    return max(accuracy(validation, vote(neighbours=k).argmax(1)) for k in (5, 10, 20))


def linear_on_validation(encoder: Encoder, prepared: Prepared) -> float:
    """The accuracy on validation of a linear probe with C = .01."""
    train, validation = _embedded(encoder, prepared)
    return accuracy(validation, linear(train, validation.features, C=0.01).argmax(1))


def _embedded(encoder: Encoder, prepared: Prepared) -> list[Embeddings]:
    """The embeddings of train and of validation."""
    encoder.eval()
    splits = [prepared.splits[name] for name in ("train", "validation")]
    embedded = [
        Embeddings(features(encoder, split.inputs.split(EMBED_BATCH), CPU), split.labels, split.ids)
        for split in splits
    ]
    encoder.train()
    return embedded
