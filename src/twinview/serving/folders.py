"""The features of a folder's pictures, in a Parquet file with the columns path and features."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor

from twinview.core import files
from twinview.core.errors import ConfigError, DataError
from twinview.models.predictor import Embedder
from twinview.pictures import files as picture_files
from twinview.pictures import folders
from twinview.pictures.files import FittedPicture

_BATCH = 256
_MOST_NAMED = 10  # the number of pictures that a message names at most
_SUFFIX = ".parquet"

Progress = Callable[[Iterable[int], int, str], Iterator[int]]


@dataclass(frozen=True)
class CheckedPictures:
    """What was found when each picture of a folder was read once.

    names: the sorted relative paths of the pictures that can be embedded. changes: how many of
    them are changed by fitting, by kind (picture_files.CHANGES). left_out: the number of other
    files, by reason. broken, warnings: sentences, each of which begins with a picture's name.
    """

    names: list[str]
    changes: dict[str, int]
    left_out: Counter[str]
    broken: list[str]
    warnings: list[str]

    def as_json(self) -> dict[str, Any]:
        """The counts and messages for a program."""
        messages = {"broken": self.broken, "warnings": self.warnings}
        counts = {"pictures": len(self.names), **self.changes, "left_out": dict(self.left_out)}
        return counts | messages

    def as_text(self) -> str:
        """The counts and messages for a reader; empty when there are none."""
        changes = [f"{n:,} {name.replace('_', ' ')}" for name, n in self.changes.items() if n]
        parts = [
            f"of {len(self.names):,} pictures: {', '.join(changes)}" if changes else "",
            f"left out: {folders.describe_counts(self.left_out)}" if self.left_out else "",
            f"broken and left out: {len(self.broken):,}\n{_first(self.broken)}" * bool(self.broken),
            f"warnings: {len(self.warnings):,}\n{_first(self.warnings)}" * bool(self.warnings),
        ]
        return "\n".join(filter(None, parts))


def check_pictures(
    folder: Path, shape: tuple[int, ...], progress: Progress, *, skip_broken: bool = False
) -> CheckedPictures:
    """What is found when every picture below a folder is read once.

    Parameters
    ----------
    folder : contains the pictures, in any depth.
    shape : the encoder's (c, h, w).
    progress : shows the progress of a sequence, as stage.progress does.
    skip_broken : leave out pictures that cannot be read.

    Raises
    ------
    DataError : names the broken pictures, unless they may be skipped and others are left.
    """
    names, left_out = folders.list_pictures(folder)
    changes = Counter[str]()
    readable, broken, warnings = [], [], []
    for row in progress(range(len(names)), len(names), "read"):
        name = names[row]
        printable = name.encode(errors="backslashreplace").decode()
        try:
            picture = _read(folder, name, shape)
        except DataError as error:
            broken.append(f"{printable} {error}")
            continue
        readable.append(name)
        changes.update(picture.changes)
        warnings += [f"{printable}: {warning}" for warning in picture.warnings]
    if broken and not (skip_broken and readable):
        remedy = "mend or remove them" + (", or give --skip-broken" if readable else "")
        count = f"{len(broken)} of {len(names)} pictures cannot be embedded"
        raise DataError(f"{folder}: {count}; {remedy}:\n{_first(broken)}")
    counts = {name: changes[name] for name in picture_files.CHANGES}
    return CheckedPictures(readable, counts, left_out, broken, warnings)


def embed(embedder: Embedder, folder: Path, names: Sequence[str], progress: Progress) -> Tensor:
    """The features (n, d) of the named pictures of a folder."""
    starts = range(0, len(names), _BATCH)
    batches = (
        torch.stack(
            [_read(folder, name, embedder.shape).pixels for name in names[start : start + _BATCH]]
        )
        for start in progress(starts, len(starts), "embed")
    )
    return embedder.features_of_batches(batches)


def require_suffix(path: Path) -> None:
    """Raises ConfigError when the file's name does not end in .parquet."""
    if path.suffix != _SUFFIX:
        raise ConfigError.at(
            "--out", f"is {path}, but the table is Parquet", f"end its name in {_SUFFIX}"
        )


def save(path: Path, names: Sequence[str], features: Tensor, encoder_key: str) -> None:
    """Writes the table as a whole or not at all.

    Parameters
    ----------
    path : the file to write.
    names : the pictures' relative paths.
    features : (n, d) float32.
    encoder_key : stored beside the table; see the function of this name.
    """
    row_type = pa.list_(pa.float32(), features.shape[1])
    flat = pa.array(features.numpy().ravel())
    columns = [pa.array(names, pa.string()), pa.FixedSizeListArray.from_arrays(flat, type=row_type)]
    table = pa.table(columns, names=["path", "features"])
    with files.atomic_file(path) as temporary:
        pq.write_table(table.replace_schema_metadata({"twinview": encoder_key}), temporary)


def load(path: Path, encoder_key: str) -> tuple[list[str], Tensor]:
    """The names and features that `save` wrote.

    Raises DataError when the file is missing, is another kind of table, or has features of another
    encoder.
    """
    if not path.is_file():
        raise DataError.at(path, "is missing", f"`twinview embed FOLDER --out {path}` makes it")
    try:
        table = pq.read_table(path, columns=["path", "features"])
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path} is no table that `twinview embed` wrote ({error})") from None
    if (table.schema.metadata or {}).get(b"twinview") != encoder_key.encode():
        raise DataError.at(path, "was made by another encoder", "run `twinview embed` again")
    features = np.stack(table["features"].to_numpy())
    return table["path"].to_pylist(), torch.from_numpy(features)


def encoder_key(models: Path, embedder: Embedder) -> str:
    """A text that is equal for features that can be compared: same weights, same mirroring."""
    weights = files.sha256(models / "encoder/encoder.safetensors")
    return f"{weights}, mirror {str(embedder.mirror).lower()}"


def _read(folder: Path, name: str, shape: tuple[int, ...]) -> FittedPicture:
    """The picture. Raises DataError for a broken file, or for a name that a table cannot hold."""
    try:
        name.encode()
    except UnicodeEncodeError:
        raise DataError("has a name that is not UTF-8; rename it") from None
    return picture_files.read_picture(folder / name, shape)


def _first(lines: Sequence[str]) -> str:
    """The first few lines, indented."""
    first = [*lines[:_MOST_NAMED], *(["..."] if len(lines) > _MOST_NAMED else [])]
    return "\n".join(f"  {line}" for line in first)
