"""Features and class probabilities of pictures, by encoder and probe as they were evaluated.

The commands, the served model and the scikit-learn transformer use this module.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import torch
from torch import Tensor, nn

from twinview.core.errors import DataError
from twinview.models import embeddings, encoder, probe
from twinview.models.encoder import Encoder
from twinview.models.probe import NoProbe, Probe

_CPU = torch.device("cpu")
_BATCH = 256


@dataclass(frozen=True)
class Embedder:
    """An encoder and how it is used.

    mirror: whether features are averaged over a picture and its mirror image.
    """

    encoder: Encoder
    mirror: bool

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one picture: (c, h, w)."""
        return tuple(self.encoder.description.shape)

    @property
    def network(self) -> nn.Module:
        """The module that computes the features: the encoder, mirrored or not."""
        return embeddings.MirroredEncoder(self.encoder) if self.mirror else self.encoder

    def features(self, pictures: Tensor) -> Tensor:
        """The features (n, dim) float32 of uint8 pictures (n, c, h, w)."""
        return self.features_of_batches(pictures.split(_BATCH))

    def features_of_batches(self, batches: Iterable[Tensor]) -> Tensor:
        """The features (n, dim) float32 of batches of uint8 pictures."""
        return embeddings.features(self.network, batches, _CPU)


@dataclass(frozen=True)
class Predictor:
    """An encoder and its probe: features and class probabilities, as they were evaluated.

    probe: None where the data had no labels.

    Examples
    --------
    >>> predictor = twinview.Predictor.load("models")
    >>> features = predictor.features(pictures)  # uint8 (n, c, h, w) to float32 (n, dim)
    >>> shares = predictor.probe.probabilities(features)  # (n, k), as predictor.probe.classes
    """

    embedder: Embedder
    probe: Probe | None

    @classmethod
    def load(cls, folder: str | PathLike[str]) -> "Predictor":
        """The predictor of the encoder and the probe in a folder, such as a project's models.

        Parameters
        ----------
        folder: has encoder/ and probe/.

        Raises
        ------
        DataError: a file is missing or broken, or the probe is of an encoder of another width.
        """
        models = Path(folder)
        loaded, loaded_probe = encoder.load(models / "encoder"), probe.load(models / "probe")
        embedder = Embedder(loaded, loaded_probe.mirror)
        if isinstance(loaded_probe, NoProbe):
            return cls(embedder, None)
        width = len(loaded_probe.model.mean)
        if loaded.dim != width:
            raise DataError.at(
                models / "probe",
                f"is the probe of {width} features, and {models / 'encoder'} gives {loaded.dim}",
                "`dvc repro` fits the one to the other",
            )
        return cls(embedder, loaded_probe)

    @property
    def encoder(self) -> Encoder:
        """The embedder's encoder."""
        return self.embedder.encoder

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one picture: (c, h, w)."""
        return self.embedder.shape

    def features(self, pictures: Tensor) -> Tensor:
        """The features (n, dim) float32 of uint8 pictures (n, c, h, w)."""
        return self.embedder.features(pictures)
