"""Tables of features: Parquet, CSV or NPZ by the file's suffix, written in blocks.

Each has path (relative to the folder), features and distance. In Parquet, features is one column of
lists; in CSV, it is the columns feature_0, feature_1 and so on; in NPZ, an array (n, d).
"""

import contextlib
import shutil
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, final

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import torch
from torch import Tensor

from twinview.core import files
from twinview.core.errors import ConfigError, DataError

_KEY, _FOLDER = b"twinview", b"folder"  # of the metadata of a Parquet table


class Table(ABC):
    """A table that is written block by block."""

    @abstractmethod
    def add(self, names: Sequence[str], features: np.ndarray, distances: np.ndarray | None) -> None:
        """Writes rows: n paths, features (n, d), and distances (n,) if there is a reference."""


def require_suffix(path: Path) -> None:
    """Raises ConfigError unless the file's suffix names one of the kinds of tables."""
    if path.suffix not in _KINDS:
        known = ", ".join(_KINDS)
        raise ConfigError.at("--out", f"is {path}, whose suffix names no table", f"use {known}")


@contextlib.contextmanager
def create(path: Path, dim: int, *, distances: bool, key: str, folder: Path) -> Iterator[Table]:
    """A table to add rows to; it appears at `path`, whole, when the block ends without an error.

    Parameters
    ----------
    path : its suffix chooses the kind.
    dim : the number of features.
    distances : whether rows have a distance.
    key : is equal for tables that can be compared.
    folder : that the paths are relative to; Parquet alone keeps it, and the key.
    """
    columns = [pa.field("path", pa.string()), pa.field("features", pa.list_(pa.float32(), dim))]
    columns += [pa.field("distance", pa.float32())] if distances else []
    metadata = {_KEY: key.encode(), _FOLDER: bytes(folder.absolute())}
    open_table, schema = _KINDS[path.suffix], pa.schema(columns, metadata)
    with files.atomic_file(path) as temporary, open_table(temporary, schema) as table:
        yield table


def load(path: Path, key: str) -> tuple[list[str], Tensor, Path]:
    """The paths, features, and folder of a Parquet table.

    Raises DataError when the file is missing, is another kind of table, or has features of another
    encoder.
    """
    if not path.is_file():
        raise DataError.at(path, "is missing", f"`twinview embed FOLDER --out {path}` makes it")
    try:
        with pq.ParquetFile(path) as file:
            table = file.read(["path", "features"])
            metadata = file.schema_arrow.metadata or {}
    except (pa.ArrowException, OSError) as error:
        raise DataError(
            f"{path} is no Parquet table that `twinview embed` wrote ({error})"
        ) from None
    if metadata.get(_KEY) != key.encode():
        raise DataError.at(path, "was made by another encoder", "run `twinview embed` again")
    features = np.stack(table["features"].to_numpy())
    folder = Path(metadata[_FOLDER].decode(errors="surrogateescape"))
    return table["path"].to_pylist(), torch.from_numpy(features), folder


@final
class _Parquet(Table):
    def __init__(self, file: pq.ParquetWriter, schema: pa.Schema) -> None:
        self._file, self._schema = file, schema

    def add(self, names: Sequence[str], features: np.ndarray, distances: np.ndarray | None) -> None:
        flat = pa.array(features.ravel())
        lists = pa.FixedSizeListArray.from_arrays(flat, type=self._schema.field("features").type)
        columns = [pa.array(names, pa.string()), lists]
        columns += [] if distances is None else [pa.array(distances)]
        self._file.write_table(pa.table(columns, schema=self._schema))


@final
class _Csv(Table):
    def __init__(self, file: pa_csv.CSVWriter, schema: pa.Schema) -> None:
        self._file, self._schema = file, schema

    def add(self, names: Sequence[str], features: np.ndarray, distances: np.ndarray | None) -> None:
        columns = [pa.array(names, pa.string())]
        columns += [] if distances is None else [pa.array(distances)]
        columns += [pa.array(column) for column in np.ascontiguousarray(features.T)]
        self._file.write_table(pa.table(columns, schema=self._schema))


@final
class _Npz(Table):
    """Features wait in a file, since an array's file begins with its number of rows."""

    def __init__(self, waiting: IO[bytes]) -> None:
        self._waiting = waiting
        self.names: list[str] = []
        self.distances: list[np.ndarray] = []

    def add(self, names: Sequence[str], features: np.ndarray, distances: np.ndarray | None) -> None:
        self.names += names
        self.distances += [] if distances is None else [distances]
        self._waiting.write(features.astype("<f4").tobytes())


@contextlib.contextmanager
def _parquet(path: Path, schema: pa.Schema) -> Iterator[Table]:
    with pq.ParquetWriter(path, schema, compression="zstd") as file:
        yield _Parquet(file, schema)


@contextlib.contextmanager
def _csv(path: Path, schema: pa.Schema) -> Iterator[Table]:
    dim = schema.field("features").type.list_size
    names = ["path", *(["distance"] if "distance" in schema.names else [])]
    kinds = [pa.string(), *([pa.float32()] * (len(names) - 1 + dim))]
    columns = [*names, *(f"feature_{k}" for k in range(dim))]
    flat = pa.schema(list(zip(columns, kinds, strict=True)))
    with pa_csv.CSVWriter(path, flat) as file:
        yield _Csv(file, flat)


@contextlib.contextmanager
def _npz(path: Path, schema: pa.Schema) -> Iterator[Table]:
    waiting = path.with_name(f"{path.name}.features")
    try:
        with waiting.open("wb") as file:
            table = _Npz(file)
            yield table
        shape = len(table.names), schema.field("features").type.list_size
        header = {"descr": "<f4", "fortran_order": False, "shape": shape}
        with zipfile.ZipFile(path, "w") as archive:
            with archive.open("features.npy", "w", force_zip64=True) as out:
                np.lib.format.write_array_header_1_0(out, header)
                with waiting.open("rb") as source:
                    shutil.copyfileobj(source, out)
            arrays = {"path": np.array(table.names, dtype=np.str_)}
            arrays |= {"distance": np.concatenate(table.distances)} if table.distances else {}
            for name, array in arrays.items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as out:
                    np.lib.format.write_array(out, array, allow_pickle=False)
    finally:
        waiting.unlink(missing_ok=True)


_KINDS: dict[str, Callable[[Path, pa.Schema], contextlib.AbstractContextManager[Table]]] = {
    ".parquet": _parquet,
    ".csv": _csv,
    ".npz": _npz,
}
