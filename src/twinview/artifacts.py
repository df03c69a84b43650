"""Files that are whole or absent: atomic writes, checksums, tensors with a description."""

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from twinview.errors import BusyError, DataError


@contextlib.contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """A path to write to; it takes `path`'s place only when the block ends without an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """A folder to fill; it takes `path`'s place only when the block ends without an error.

    What a killed process left of an earlier try is removed first.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(f".{path.name}.*.part"):
        shutil.rmtree(left)
    temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent))
    try:
        yield temporary
        temporary.chmod(0o755)
        shutil.rmtree(path, ignore_errors=True)
        temporary.replace(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def save_json(path: Path, value: object) -> None:
    """Writes value as JSON, keys in the given order, floats exact."""
    with atomic_file(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2, allow_nan=False) + "\n")


def load_json(path: Path) -> Any:
    """The value in a JSON file. Raises DataError when the file is missing or broken."""
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        raise DataError(f"{path} is missing; `dvc repro` makes it") from None
    except ValueError as error:
        raise DataError(
            f"{path} is not valid JSON ({error}); delete it and run `dvc repro`"
        ) from None


def flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """A tree's leaves by their dotted path."""
    leaves: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            leaves |= flat(value, f"{prefix}{key}.")
        else:
            leaves[f"{prefix}{key}"] = value
    return leaves


def save_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Writes named tensors as safetensors: the same values give the same bytes."""
    with atomic_file(path) as temporary:
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, temporary)


def load_tensors(path: Path) -> dict[str, Tensor]:
    """The named tensors of a safetensors file. Raises DataError when it is missing or broken."""
    if not path.is_file():
        raise DataError(f"{path} is missing; `dvc repro` makes it")
    try:
        return load_file(path)
    except SafetensorError as error:
        raise DataError(f"{path} is broken ({error}); delete it and run `dvc repro`") from None


def sha256(path: Path) -> str:
    """The hexadecimal SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def require_room(folder: Path, needed: int) -> None:
    """Raises BusyError unless the disk under `folder` has room for `needed` bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise BusyError(
            f"{folder} needs {megabytes(needed)}, but its disk has {megabytes(free)} free; "
            "make room, or lower views.cached.count, or set views.mode to live"
        )


def megabytes(count: int) -> str:
    """A number of bytes in words, such as '345 MB'."""
    return f"{count / 1e6:,.0f} MB"
