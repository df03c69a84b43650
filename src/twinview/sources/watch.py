"""Watch: shoulder exercises recorded by a smartwatch, of the package seglearn (BSD-3).

10 people did 7 exercises, 140 recordings in all, of 3 axes of acceleration and 3 of rotation at 50
steps a second (Burns et al., doi 10.1088/1361-6579/aacfd9). Only the package's file of data is
read; nothing of it is imported.
"""

import importlib.util
import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy

from twinview.core import declare
from twinview.core.errors import DataError
from twinview.core.types import Source
from twinview.data.series_options import WindowOptions
from twinview.data.series_source import Recording, cut_windows

_FILE = Path("data/watch_dataset.npy")  # in the package
# What the file may name: it is a pickle, and others could run code.
_ALLOWED = {
    ("numpy", "dtype"),
    ("numpy", "ndarray"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("_codecs", "encode"),
}


def watch(*, window: WindowOptions) -> Source:
    """Windows of all recordings; the class is the exercise, and the group is the person.

    So the splits have different people.

    Parameters
    ----------
    window : how recordings are cut; the paper's have 100 steps, and begin every 50.

    Raises
    ------
    DataError : seglearn is not installed, or its file is broken.
    """
    file = _package() / _FILE
    data = _read(file)
    names = data["y_labels"]
    recordings = [
        Recording(
            f"recording {row}",
            np.asarray(values, np.float32).T,
            (names[label],),
            f"person {person}",
        )
        for row, (values, label, person) in enumerate(
            zip(data["X"], data["y"], data["subject"], strict=True)
        )
    ]
    return cut_windows(recordings, window, str(file))


DECLARES = declare.Source(modality="series")


def _package() -> Path:
    found = importlib.util.find_spec("seglearn")
    if found is None or found.origin is None:
        raise DataError.at(
            "the package seglearn", "is not installed", "`pip install seglearn` brings the data"
        )
    return Path(found.origin).parent


def _read(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as opened:
            npy.read_magic(opened)
            npy.read_array_header_1_0(opened)
            holder: Any = _Unpickler(io.BytesIO(opened.read())).load()
        data: dict[str, Any] = holder.item()
        return {name: data[name] for name in ("X", "y", "y_labels", "subject")}
    except (OSError, ValueError, KeyError, pickle.UnpicklingError) as error:
        raise DataError.at(file, f"cannot be read ({error})", "install seglearn anew") from None


class _Unpickler(pickle.Unpickler):
    """Reads NumPy's arrays, and refuses everything else."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file, encoding="latin1")

    def find_class(self, module: str, name: str) -> Any:
        """The function or class of the name, if it is one that arrays are made with."""
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it names {module}.{name}")
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)
