"""Pictures to features, as they are evaluated: the encoder, mirroring, reduction, and a reference.

Stage embed writes what is added to the encoder into models/embedder. The commands, the served
model, the exports and the scikit-learn transformer compute features by this module alone.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from twinview.core import files
from twinview.core.errors import DataError
from twinview.core.tensor_files import load_tensors, save_tensors
from twinview.evaluation.whitening import Whitening
from twinview.models import embeddings, encoder
from twinview.models.encoder import Encoder
from twinview.models.reduction import ReducedEncoder
from twinview.models.reference import Reference

WEIGHTS = "embedder.safetensors"
DESCRIPTION = "embedder.json"
_REMEDY = "`dvc repro --force embed` writes it anew"
_CPU = torch.device("cpu")
_BATCH = 256


@dataclass(frozen=True)
class Embedder:
    """An encoder and how it is used.

    mirror: whether features are averaged over a picture and its mirror image. reduction: what maps
    them to fewer, or None. reference: what they are compared with, or None where stage embed has
    not run.
    """

    encoder: Encoder
    mirror: bool
    reduction: Whitening | None = None
    reference: Reference | None = None

    @classmethod
    def load(cls, models: Path) -> "Embedder":
        """The embedder of encoder/ and embedder/ in a folder, such as a project's models.

        Raises DataError when a file is missing or broken, or when the two do not belong together.
        """
        loaded, path = encoder.load(models / "encoder"), models / "embedder" / DESCRIPTION
        described, tensors = files.load_json(path), load_tensors(path.with_name(WEIGHTS))
        try:
            reference = Reference(tensors["rows"], tensors["percentiles"])
            mapped = "mean" in tensors
            reduction = Whitening(tensors["mean"], tensors["projection"]) if mapped else None
        except KeyError as error:
            raise DataError.at(path.with_name(WEIGHTS), f"has no {error}", _REMEDY) from None
        embedder = cls(loaded, bool(described["mirror"]), reduction, reference)
        _require_fit(models, embedder, described["encoder_dim"], described["dim"])
        return embedder

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one picture: (c, h, w)."""
        return tuple(self.encoder.description.shape)

    @property
    def dim(self) -> int:
        """The number of features."""
        return self.encoder.dim if self.reduction is None else self.reduction.projection.shape[1]

    @property
    def network(self) -> nn.Module:
        """The module that computes the features: the encoder, mirrored or not, reduced or not."""
        network = embeddings.MirroredEncoder(self.encoder) if self.mirror else self.encoder
        return network if self.reduction is None else ReducedEncoder(network, self.reduction)

    def features(self, pictures: Tensor) -> Tensor:
        """The features (n, dim) float32 of uint8 pictures (n, c, h, w)."""
        return self.features_of_batches(pictures.split(_BATCH))

    def features_of_batches(self, batches: Iterable[Tensor]) -> Tensor:
        """The features (n, dim) float32 of batches of uint8 pictures."""
        return embeddings.features(self.network, batches, _CPU)


def save(folder: Path, embedder: Embedder, reference: Reference) -> None:
    """Writes all of the embedder but its encoder; equal ones give equal bytes."""
    tensors = vars(reference) | (embedder.reduction._asdict() if embedder.reduction else {})
    description = {
        "mirror": embedder.mirror,
        "encoder_dim": embedder.encoder.dim,
        "dim": embedder.dim,
    }
    with files.atomic_folder(folder) as temporary:
        save_tensors(temporary / WEIGHTS, tensors)
        files.save_json(temporary / DESCRIPTION, description)


def _require_fit(models: Path, embedder: Embedder, encoder_dim: int, dim: int) -> None:
    """Raises DataError unless the sizes of encoder, description and tensors agree."""
    reduction, reference = embedder.reduction, embedder.reference
    taken = embedder.encoder.dim if reduction is None else len(reduction.mean)
    given = embedder.dim if reference is None else reference.rows.shape[1]
    if (embedder.encoder.dim, taken, embedder.dim, given) != (encoder_dim, encoder_dim, dim, dim):
        raise DataError.at(
            models / "embedder",
            f"is of an encoder of {encoder_dim} features, reduced to {dim}, but "
            f"{models / 'encoder'} gives {embedder.encoder.dim}, and its tensors are for {taken} "
            f"and {given}",
            _REMEDY,
        )
