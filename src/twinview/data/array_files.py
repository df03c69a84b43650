"""NumPy's files .npy and .npz: their arrays are mapped from the file where its format allows it."""

import io
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from twinview.core.errors import ConfigError, DataError
from twinview.core.registry import did_you_mean

Array = NDArray[Any]
_LOCAL_HEADER = 30  # bytes of a zip file's entry before its name
_OBJECTS = (
    "save it with numbers, or with texts by .astype(str): Python objects are not loaded, since "
    "that can run code"
)
_BROKEN = "write it again"
_FAULTS = (ValueError, EOFError, OSError, zipfile.BadZipFile, zlib.error, KeyError, struct.error)


def open_array(file: Path, name: str | None) -> Array:
    """An array of a file. Its pages are copied when written to, and the file never changes.

    Parameters
    ----------
    file : .npy, which is mapped, or .npz, of which arrays are mapped that are not compressed.
    name : of the array in a .npz; None for a .npy.

    Raises
    ------
    ConfigError : the .npz has no array of this name.
    DataError : the file is broken, or the array holds Python objects.
    """
    place = file if name is None else f"{file}, array {name!r},"
    try:
        if name is None:
            return np.load(file, mmap_mode="c", allow_pickle=False)  # type: ignore[no-any-return]
        return _open_member(file, _member(file, name))
    except _FAULTS as error:
        if "Python objects" in str(error) or "Object arrays" in str(error):
            raise DataError.at(place, "is an array of Python objects", _OBJECTS) from None
        raise DataError.at(place, f"is broken ({error})", _BROKEN) from None


def list_arrays(file: Path) -> list[str]:
    """The names of the arrays in a .npz. Raises DataError when the file is broken."""
    try:
        with zipfile.ZipFile(file) as archive:
            return [name.removesuffix(".npy") for name in archive.namelist()]
    except (zipfile.BadZipFile, OSError) as error:
        raise DataError.at(file, f"is no whole .npz ({error})", _BROKEN) from None


def _member(file: Path, name: str) -> str:
    names = list_arrays(file)
    if name not in names:
        raise ConfigError.at(file, f"has no array {name!r}{did_you_mean(name, names)}", "name one")
    return f"{name}.npy"


def _open_member(file: Path, member: str) -> Array:
    with zipfile.ZipFile(file) as archive:
        info = archive.getinfo(member)
        if info.compress_type != zipfile.ZIP_STORED:
            return npy.read_array(io.BytesIO(archive.read(info)), allow_pickle=False)
        with archive.open(info) as opened:
            shape, fortran, dtype = _read_header(opened)
            header = opened.tell()
    if dtype.hasobject:
        raise ValueError("Object arrays")
    with file.open("rb") as raw:
        raw.seek(info.header_offset)
        name, extra = struct.unpack_from("<HH", raw.read(_LOCAL_HEADER), 26)
    if 0 in shape:
        return np.zeros(shape, dtype)  # an empty file cannot be mapped
    start = info.header_offset + _LOCAL_HEADER + name + extra + header
    return np.memmap(file, dtype, "c", start, shape, "F" if fortran else "C")


def _read_header(file: Any) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    version = npy.read_magic(file)
    if version not in readers:
        raise ValueError(f"version {version} of the format")
    return readers[version](file)
