"""Pictures of a folder and their features, as a Parquet file: columns path and features."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor

from twinview import artifacts, picture_files
from twinview.errors import DataError
from twinview.predictor import Predictor

_BATCH = 256
_NAMED = 10  # broken pictures that a message names

Progress = Callable[[Iterable[int], int, str], Iterator[int]]


def embed(predictor: Predictor, folder: Path, progress: Progress) -> tuple[list[str], Tensor]:
    """Relative paths of all PNG and JPEG files below a folder, sorted, and their features (n, d).

    Raises DataError that names the broken ones, before the encoder works, or when there are none.
    """
    names = _names(folder)
    faults = []
    for place in progress(range(len(names)), len(names), "read"):
        try:
            _require_text(names[place])
            picture_files.fitted(folder / names[place], predictor.shape)
        except DataError as error:
            shown = names[place].encode(errors="backslashreplace").decode()
            faults.append(f"  {shown} {error}")
    if faults:
        said = "\n".join([*faults[:_NAMED], *(["  ..."] if len(faults) > _NAMED else [])])
        count = f"{len(faults)} of {len(names)} pictures"
        raise DataError(f"{folder}: {count} cannot be embedded; mend or remove them:\n{said}")
    starts = range(0, len(names), _BATCH)
    batches = (
        torch.stack(
            [picture_files.fitted(folder / n, predictor.shape) for n in names[k : k + _BATCH]]
        )
        for k in progress(starts, len(starts), "embed")
    )
    return names, predictor.features_of(batches)


def save(path: Path, names: Sequence[str], features: Tensor, made_by: str) -> None:
    """Writes the table, whole or not at all. made_by: what its features can be compared with."""
    kind = pa.list_(pa.float32(), features.shape[1])
    flat = pa.array(features.numpy().ravel())
    columns = [pa.array(names, pa.string()), pa.FixedSizeListArray.from_arrays(flat, type=kind)]
    table = pa.table(columns, names=["path", "features"])
    with artifacts.atomic_file(path) as temporary:
        pq.write_table(table.replace_schema_metadata({"twinview": made_by}), temporary)


def load(path: Path, made_by: str) -> tuple[list[str], Tensor]:
    """The names and features that save wrote.

    Raises DataError when the file is missing, no such table, or made by another encoder.
    """
    if not path.is_file():
        raise DataError(f"{path} is missing; `twinview embed FOLDER --out {path}` makes it")
    try:
        table = pq.read_table(path, columns=["path", "features"])
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path} is no table that `twinview embed` wrote ({error})") from None
    if (table.schema.metadata or {}).get(b"twinview") != made_by.encode():
        raise DataError(f"{path} was made by another encoder; run `twinview embed` again")
    features = np.stack(table["features"].to_numpy())
    return table["path"].to_pylist(), torch.from_numpy(features)


def made_by(models: Path, predictor: Predictor) -> str:
    """What tells features of one encoder from another's, or from not mirrored ones."""
    weights = artifacts.sha256(models / "encoder/encoder.safetensors")
    return f"{weights}, mirror {str(predictor.probe.mirror).lower()}"


def _require_text(name: str) -> None:
    """Raises DataError for a file's name that a table cannot hold."""
    try:
        name.encode()
    except UnicodeEncodeError:
        raise DataError("has a name that is not UTF-8; rename it") from None


def _names(folder: Path) -> list[str]:
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder; name one that holds PNG or JPEG files")
    found = [
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.suffix.lower() in picture_files.SUFFIXES and path.is_file()
    ]
    if not found:
        raise DataError(f"{folder} holds no file that ends in {', '.join(picture_files.SUFFIXES)}")
    return sorted(found)
