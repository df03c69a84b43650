"""Pictures in, features and class probabilities out: encoder and probe as they were evaluated."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from twinview.core.errors import DataError
from twinview.models import embeddings, encoder, probe
from twinview.models.encoder import Encoder
from twinview.models.probe import Probe

_CPU = torch.device("cpu")
_BATCH = 256


@dataclass(frozen=True)
class Embedder:
    """An encoder, and whether its features are averaged over a picture and its mirror image."""

    encoder: Encoder
    mirror: bool

    @property
    def shape(self) -> tuple[int, ...]:
        """That of one picture: (c, h, w)."""
        return tuple(self.encoder.description.shape)

    @property
    def network(self) -> nn.Module:
        """What makes the features: the encoder, mirrored or not."""
        return embeddings.MirroredEncoder(self.encoder) if self.mirror else self.encoder

    def features(self, pictures: Tensor) -> Tensor:
        """uint8 (n, c, h, w) to float32 (n, dim)."""
        return self.features_of_batches(pictures.split(_BATCH))

    def features_of_batches(self, batches: Iterable[Tensor]) -> Tensor:
        """The same of pictures that come in batches."""
        return embeddings.features(self.network, batches, _CPU)


@dataclass(frozen=True)
class Predictor:
    """An embedder and the probe of its features."""

    embedder: Embedder
    probe: Probe

    @property
    def encoder(self) -> Encoder:
        """The embedder's encoder."""
        return self.embedder.encoder

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one picture: (c, h, w)."""
        return self.embedder.shape

    def features(self, pictures: Tensor) -> Tensor:
        """uint8 (n, c, h, w) to float32 (n, dim)."""
        return self.embedder.features(pictures)


def load(models: Path) -> Predictor:
    """The predictor of the encoder and the probe that lie in this folder.

    Raises DataError when the probe is of an encoder of another width.
    """
    loaded, fitted = encoder.load(models / "encoder"), probe.load(models / "probe")
    width = len(fitted.model.mean)
    if loaded.dim != width:
        raise DataError(
            f"{models / 'probe'} is the probe of {width} features, and {models / 'encoder'} gives "
            f"{loaded.dim}; `dvc repro` fits the one to the other"
        )
    return Predictor(Embedder(loaded, fitted.mirror), fitted)
