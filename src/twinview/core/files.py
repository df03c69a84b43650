"""Files that are whole or absent: atomic writes, checksums, JSON. tensor_files.py has tensors."""

import contextlib
import errno
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from twinview.core.errors import BusyError, DataError


@contextlib.contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """A path to write to; it takes `path`'s place only when the block ends without an error.

    It is on the disk when this returns. Raises BusyError when the disk is full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with _full_disk_reported(path, temporary):
            yield temporary
            _fsync(temporary)
        temporary.replace(path)
        _fsync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """A folder to fill; it takes `path`'s place only when the block ends without an error.

    What a killed process left of an earlier try is removed first. Raises BusyError when the disk is
    full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(f".{path.name}.*.part"):
        shutil.rmtree(left)
    temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent))
    try:
        with _full_disk_reported(path, temporary):
            yield temporary
        temporary.chmod(0o755)
        shutil.rmtree(path, ignore_errors=True)
        temporary.replace(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _fsync(path: Path) -> None:
    """Has the system write a file, or a folder's names, to the disk."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


@contextlib.contextmanager
def _full_disk_reported(path: Path, temporary: Path) -> Iterator[None]:
    """Turns the system's word for a full disk into ours."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        if not _means_full_disk(error):
            raise
        files = [temporary, *temporary.glob("*")]
        written = sum(file.stat().st_size for file in files if file.is_file())
        free = shutil.disk_usage(path.parent).free
        raise BusyError(
            f"{path.absolute()} could not be written: its disk is full (there was room for "
            f"{megabytes(written)}; {megabytes(free)} are free). What was there before is whole; "
            "make room, and `dvc repro` goes on"
        ) from None


def _means_full_disk(error: OSError | SafetensorError) -> bool:
    """A full disk, a full quota, a file above its limit. safetensors and NumPy tell it as text."""
    found = re.search(r"os error (\d+)", str(error))
    number = int(found[1]) if found else getattr(error, "errno", None)
    cut_short = re.search(r"\d+ requested and \d+ written", str(error))
    return number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) or cut_short is not None


def save_json(path: Path, value: object) -> None:
    """Writes value as JSON, keys in the given order, floats exact."""
    with atomic_file(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2, allow_nan=False) + "\n")


def load_json(path: Path) -> Any:
    """The value in a JSON file. Raises DataError when the file is missing or broken, and later,
    when a key is asked for that it lacks."""

    class Stated(dict[str, Any]):
        def __missing__(self, key: str) -> Any:
            raise DataError(f"{path} has no {key!r}; delete it and run `dvc repro`")

    try:
        return json.loads(path.read_text(encoding="utf-8"), object_hook=Stated)
    except FileNotFoundError:
        raise DataError(f"{path} is missing; `dvc repro` makes it") from None
    except ValueError as error:
        raise DataError(
            f"{path} is not valid JSON ({error}); delete it and run `dvc repro`"
        ) from None


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """A tree's leaves by their dotted path."""
    leaves: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            leaves |= flatten(value, f"{prefix}{key}.")
        else:
            leaves[f"{prefix}{key}"] = value
    return leaves


def sha256(path: Path) -> str:
    """The hexadecimal SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def require_disk_space(folder: Path, needed: int) -> None:
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
