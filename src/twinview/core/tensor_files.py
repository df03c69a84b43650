"""Safetensors files of named tensors: they are whole or absent, and are checked when loaded."""

from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from twinview.core.errors import DataError
from twinview.core.files import atomic_file


def save_tensors(path: Path, tensors: Mapping[str, Tensor], **metadata: str) -> None:
    """Writes named tensors, and metadata, as safetensors; equal values give equal bytes."""
    contiguous = {name: tensor.contiguous() for name, tensor in tensors.items()}
    with atomic_file(path) as temporary:
        save_file(contiguous, temporary, metadata or None)
        temporary.chmod(0o644)


def load_tensors(path: Path) -> dict[str, Tensor]:
    """The named tensors of a safetensors file. Raises DataError when it is missing or broken."""
    if not path.is_file():
        raise DataError.at(path, "is missing", "`dvc repro` makes it")
    try:
        return load_file(path)
    except SafetensorError as error:
        remedy = "delete it and run `dvc repro`"
        raise DataError.at(path, f"is broken ({error})", remedy) from None


def load_weights(module: nn.Module, path: Path, description: str) -> None:
    """Loads a safetensors file's weights into a module.

    Parameters
    ----------
    module : built from the description that lies beside the file.
    path : the file of weights.
    description : the name of the description's file, for the error.

    Raises
    ------
    DataError : names or shapes of the file's tensors are not those of the module.
    """
    weights = load_tensors(path)
    expected = {name: tuple(t.shape) for name, t in module.state_dict().items()}
    shapes = {name: tuple(t.shape) for name, t in weights.items()}
    if shapes != expected:
        differing = sorted(n for n in expected | shapes if expected.get(n) != shapes.get(n))
        name = differing[0]
        raise DataError.at(
            path,
            f"is of another architecture than {description} says: {name} is "
            f"{shapes.get(name, 'absent')}, not {expected.get(name, 'absent')} "
            f"({len(differing)} differ)",
            "`dvc repro --force pretrain` trains it anew",
        )
    module.load_state_dict(weights, strict=True)
