"""Files of named tensors, as safetensors: whole or absent, with what they are checked by."""

from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from twinview.core.errors import DataError
from twinview.core.files import atomic_file


def save_tensors(path: Path, tensors: Mapping[str, Tensor], **about: str) -> None:
    """Writes named tensors, and texts about them, as safetensors: equal values give equal bytes."""
    contiguous = {name: tensor.contiguous() for name, tensor in tensors.items()}
    with atomic_file(path) as temporary:
        save_file(contiguous, temporary, about or None)
        temporary.chmod(0o644)


def load_tensors(path: Path) -> dict[str, Tensor]:
    """The named tensors of a safetensors file. Raises DataError when it is missing or broken."""
    if not path.is_file():
        raise DataError(f"{path} is missing; `dvc repro` makes it")
    try:
        return load_file(path)
    except SafetensorError as error:
        raise DataError(f"{path} is broken ({error}); delete it and run `dvc repro`") from None


def load_weights(module: nn.Module, path: Path, description: str) -> None:
    """Puts a safetensors file's weights into a module that was built by the description beside it.

    Raises DataError when they do not belong together.
    """
    weights = load_tensors(path)
    expected = {name: tuple(t.shape) for name, t in module.state_dict().items()}
    found = {name: tuple(t.shape) for name, t in weights.items()}
    if found != expected:
        differing = sorted(n for n in expected | found if expected.get(n) != found.get(n))
        name = differing[0]
        raise DataError(
            f"{path} is of another architecture than {description} says: {name} is "
            f"{found.get(name, 'absent')}, not {expected.get(name, 'absent')} "
            f"({len(differing)} differ); `dvc repro --force pretrain` trains it anew"
        )
    module.load_state_dict(weights, strict=True)
