"""Atomic writes, checksums and JSON: a file is whole or absent. tensor_files.py adds tensors."""

import contextlib
import errno
import hashlib
import json
import os
import re
import resource
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from twinview.core.errors import BusyError, DataError


@contextlib.contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """A temporary path to write to; it replaces `path` when the block ends without an error.

    The file has reached the disk when this function returns. Raises BusyError when the disk is
    full.
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
    """A temporary folder to fill; it replaces `path` when the block ends without an error.

    Temporary folders that a killed process left are removed first. Raises BusyError when the disk
    is full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    for abandoned in path.parent.glob(f".{path.name}.*.part"):
        shutil.rmtree(abandoned)
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
    """Makes the system write a file, or the names in a folder, to the disk."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


@contextlib.contextmanager
def _full_disk_reported(path: Path, temporary: Path) -> Iterator[None]:
    """Raises BusyError in place of the errors that mean a full disk, or a file at its limit."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        if not _means_full_disk(error):
            raise
        reason, remedy = _explain_full_disk(error, path, temporary)
        raise BusyError.at(
            path.absolute(),
            f"could not be written: {reason}. What was there before is whole",
            f"{remedy}, and run this again",
        ) from None


def _explain_full_disk(
    error: OSError | SafetensorError, path: Path, temporary: Path
) -> tuple[str, str]:
    """Why no more could be written, and a remedy."""
    files = [temporary, *temporary.rglob("*")]
    sizes = [file.stat().st_size for file in files if file.is_file()]
    limit, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    at_limit = limit != resource.RLIM_INFINITY and max(sizes, default=0) >= limit
    if at_limit or _error_number(error) == errno.EFBIG:
        return "a file must not grow so large here", "raise the limit (`ulimit -f`)"
    room, free = megabytes(sum(sizes)), megabytes(shutil.disk_usage(path.parent).free)
    reason = f"its disk is full (there was room for {room}; {free} are free)"
    return reason, "make room (`twinview clean` says what can go)"


def _means_full_disk(error: OSError | SafetensorError) -> bool:
    """Whether the error means a full disk, a full quota, or a file above its size limit.

    NumPy says only how much it has written.
    """
    cut_short = re.search(r"\d+ requested and \d+ written", str(error)) is not None
    return cut_short or _error_number(error) in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def _error_number(error: OSError | SafetensorError) -> int | None:
    """The system's number of the error; safetensors states it in its text."""
    match = re.search(r"os error (\d+)", str(error))
    return int(match[1]) if match else getattr(error, "errno", None)


def save_json(path: Path, value: object) -> None:
    """Writes a value as JSON, with keys in the given order and floats exact."""
    with atomic_file(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2, allow_nan=False) + "\n")


def load_json(path: Path) -> Any:
    """The value in a JSON file.

    Raises DataError when the file is missing or broken. A dictionary in the value raises DataError
    for a key that it lacks.
    """

    class Strict(dict[str, Any]):
        def __missing__(self, key: str) -> Any:
            raise DataError.at(path, f"has no {key!r}", "delete it and run `dvc repro`")

    try:
        return json.loads(path.read_text(encoding="utf-8"), object_hook=Strict)
    except FileNotFoundError:
        raise DataError.at(path, "is missing", "`dvc repro` makes it") from None
    except ValueError as error:
        remedy = "delete it and run `dvc repro`"
        raise DataError.at(path, f"is not valid JSON ({error})", remedy) from None


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The leaves of a nested mapping, by their dotted paths."""
    leaves: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            leaves |= flatten(value, f"{prefix}{key}.")
        else:
            leaves[f"{prefix}{key}"] = value
    return leaves


def sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def require_disk_space(folder: Path, needed: int, remedy: str) -> None:
    """Raises BusyError unless the disk of `folder` has space for `needed` bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise BusyError.at(
            folder,
            f"needs {megabytes(needed)}, but its disk has {megabytes(free)} free",
            remedy,
        )


def megabytes(count: int) -> str:
    """A number of bytes as text, such as '345 MB'."""
    return f"{count / 1e6:,.0f} MB"
