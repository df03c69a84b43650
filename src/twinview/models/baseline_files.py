"""What a baseline computes features with, in the folder of its embeddings.

That is the encoder, if there is one, and the map that reduces features, if there is one. Raw inputs
take nothing.
"""

from pathlib import Path

from twinview.core.tensor_files import load_tensors, save_tensors
from twinview.evaluation.whitening import Whitening
from twinview.models import encoder
from twinview.models.encoder import Encoder

_ENCODER = "encoder"
_REDUCTION = "reduction.safetensors"


def save(folder: Path, network: Encoder | None, reduction: Whitening | None) -> None:
    """Writes into the folder what the baseline has of the two."""
    if network is not None:
        encoder.save(folder / _ENCODER, network)
    if reduction is not None:
        save_tensors(folder / _REDUCTION, reduction._asdict())


def load(folder: Path) -> tuple[Encoder | None, Whitening | None]:
    """What save wrote. Raises DataError for a broken file."""
    path = folder / _REDUCTION
    network = encoder.load(folder / _ENCODER) if (folder / _ENCODER).is_dir() else None
    return network, Whitening(**load_tensors(path)) if path.is_file() else None
