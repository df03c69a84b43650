"""What a baseline computes features with, in the folder of its embeddings.

That is the encoder, if there is one, the map that reduces features, if there is one, and what raw
inputs were fitted to, such as the frequencies of words; pixels are fitted to nothing.
"""

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from twinview.core.tensor_files import load_tensors, save_tensors
from twinview.evaluation.whitening import Whitening
from twinview.models import encoder
from twinview.models.encoder import Encoder

_ENCODER = "encoder"
_REDUCTION = "reduction.safetensors"
_FITTED = "fitted.safetensors"
WORDS = "words"  # the folder of token numbers, beside the features of a baseline that counts words


def save(
    folder: Path,
    network: Encoder | None,
    reduction: Whitening | None,
    fitted: Mapping[str, Tensor],
) -> None:
    """Writes into the folder what the baseline has of the three."""
    if network is not None:
        encoder.save(folder / _ENCODER, network)
    if reduction is not None:
        save_tensors(folder / _REDUCTION, reduction._asdict())
    if fitted:
        save_tensors(folder / _FITTED, dict(fitted))


def load_fitted(folder: Path) -> Mapping[str, Tensor]:
    """What the raw inputs of a folder were fitted to. Raises DataError for a broken file."""
    path = folder / _FITTED
    return load_tensors(path) if path.is_file() else {}


def load(folder: Path) -> tuple[Encoder | None, Whitening | None, Mapping[str, Tensor]]:
    """What save wrote. Raises DataError for a broken file."""
    path = folder / _REDUCTION
    network = encoder.load(folder / _ENCODER) if (folder / _ENCODER).is_dir() else None
    reduction = Whitening(**load_tensors(path)) if path.is_file() else None
    return network, reduction, load_fitted(folder)
