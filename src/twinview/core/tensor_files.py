"""Safetensors files of named tensors: they are whole or absent, and are checked when loaded."""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save, save_file
from torch import Tensor, nn

from twinview.core.errors import DataError
from twinview.core.files import atomic_file


def save_tensors(path: Path, tensors: Mapping[str, Tensor], **metadata: str) -> None:
    """Writes named tensors, and metadata, as safetensors; equal values give equal bytes."""
    contiguous = {name: tensor.contiguous() for name, tensor in tensors.items()}
    with atomic_file(path) as temporary:
        save_file(contiguous, temporary, metadata or None)
        temporary.chmod(0o644)


@dataclass(frozen=True)
class Blocks:
    """A tensor that is never in memory as a whole.

    blocks: contiguous parts of the rows, in order; together they have the shape.
    """

    shape: tuple[int, ...]
    dtype: torch.dtype
    blocks: Iterable[Tensor]


def write_tensors(path: Path, tensors: Mapping[str, Blocks], **metadata: str) -> None:
    """Writes named tensors block by block: the bytes are those of save_tensors.

    The tensors are asked for their blocks one after the other, in the order of the file.
    """
    # An empty file of these names and types has the order and the words of the whole one.
    empty = {name: torch.empty(0, dtype=tensor.dtype) for name, tensor in tensors.items()}
    content = save(empty, metadata or None)
    header: dict[str, Any] = json.loads(content[8:])
    places = {name: place for name, place in header.items() if name in tensors}
    end = 0
    for name, place in places.items():
        size = math.prod(tensors[name].shape) * tensors[name].dtype.itemsize
        place |= {"shape": list(tensors[name].shape), "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    with atomic_file(path) as temporary, temporary.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name, place in places.items():
            for block in tensors[name].blocks:
                assert block.dtype == tensors[name].dtype, f"{name} has a block of {block.dtype}"
                file.write(block.contiguous().reshape(-1).view(torch.uint8).numpy().data)
            written = file.tell() - 8 - len(text)
            assert written == place["data_offsets"][1], f"{name} has other rows than its shape"


def load_tensors(path: Path) -> dict[str, Tensor]:
    """The named tensors of a safetensors file, mapped: a page is read when it is first used.

    So tensors may be larger than the memory. Writing to one changes a copy of its page, and not
    the file. Raises DataError when the file is missing or broken.
    """
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
