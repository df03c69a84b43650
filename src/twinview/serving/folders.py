"""Pictures of a folder and their features, as a Parquet file: columns path and features."""

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
_NAMED = 10  # pictures that a message names
_SUFFIX = ".parquet"

Progress = Callable[[Iterable[int], int, str], Iterator[int]]


@dataclass(frozen=True)
class CheckedPictures:
    """The pictures of a folder after each was read once.

    names: relative paths of those that can be embedded, sorted. changes: how many of them fitting
    changes, by picture_files.CHANGES. left_out: how many other files there are, by reason. broken,
    warnings: a sentence each, which begins with the picture's name.
    """

    names: list[str]
    changes: dict[str, int]
    left_out: Counter[str]
    broken: list[str]
    warnings: list[str]

    def as_json(self) -> dict[str, Any]:
        """What a program is told."""
        told = {"left_out": dict(self.left_out), "broken": self.broken, "warnings": self.warnings}
        return {"pictures": len(self.names), **self.changes, **told}

    def as_text(self) -> str:
        """What a reader is told; empty where there is nothing to tell."""
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
    """Reads every picture below a folder once.

    Raises DataError that names the broken ones unless they may be skipped, or when none is left.
    """
    names, left_out = folders.list_pictures(folder)
    changes = Counter[str]()
    whole, broken, warnings = [], [], []
    for place in progress(range(len(names)), len(names), "read"):
        name = names[place]
        shown = name.encode(errors="backslashreplace").decode()
        try:
            found = _read(folder, name, shape)
        except DataError as error:
            broken.append(f"{shown} {error}")
            continue
        whole.append(name)
        changes.update(found.changes)
        warnings += [f"{shown}: {warning}" for warning in found.warnings]
    if broken and not (skip_broken and whole):
        remedy = "mend or remove them" + (", or give --skip-broken" if whole else "")
        count = f"{len(broken)} of {len(names)} pictures cannot be embedded"
        raise DataError(f"{folder}: {count}; {remedy}:\n{_first(broken)}")
    counts = {name: changes[name] for name in picture_files.CHANGES}
    return CheckedPictures(whole, counts, left_out, broken, warnings)


def embed(embedder: Embedder, folder: Path, names: Sequence[str], progress: Progress) -> Tensor:
    """The features (n, d) of pictures of a folder."""
    starts = range(0, len(names), _BATCH)
    batches = (
        torch.stack([_read(folder, n, embedder.shape).pixels for n in names[k : k + _BATCH]])
        for k in progress(starts, len(starts), "embed")
    )
    return embedder.features_of_batches(batches)


def require_suffix(path: Path) -> None:
    """Raises ConfigError for a file whose name says that it is another kind of table."""
    if path.suffix != _SUFFIX:
        raise ConfigError(f"--out: is {path}; the table is Parquet, so its name ends in {_SUFFIX}")


def save(path: Path, names: Sequence[str], features: Tensor, encoder_key: str) -> None:
    """Writes the table, whole or not at all. encoder_key: see the function."""
    kind = pa.list_(pa.float32(), features.shape[1])
    flat = pa.array(features.numpy().ravel())
    columns = [pa.array(names, pa.string()), pa.FixedSizeListArray.from_arrays(flat, type=kind)]
    table = pa.table(columns, names=["path", "features"])
    with files.atomic_file(path) as temporary:
        pq.write_table(table.replace_schema_metadata({"twinview": encoder_key}), temporary)


def load(path: Path, encoder_key: str) -> tuple[list[str], Tensor]:
    """The names and features that save wrote.

    Raises DataError when the file is missing, no such table, or made by another encoder.
    """
    if not path.is_file():
        raise DataError(f"{path} is missing; `twinview embed FOLDER --out {path}` makes it")
    try:
        table = pq.read_table(path, columns=["path", "features"])
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path} is no table that `twinview embed` wrote ({error})") from None
    if (table.schema.metadata or {}).get(b"twinview") != encoder_key.encode():
        raise DataError(f"{path} was made by another encoder; run `twinview embed` again")
    features = np.stack(table["features"].to_numpy())
    return table["path"].to_pylist(), torch.from_numpy(features)


def encoder_key(models: Path, embedder: Embedder) -> str:
    """What tells features of one encoder from another's, or from not mirrored ones."""
    weights = files.sha256(models / "encoder/encoder.safetensors")
    return f"{weights}, mirror {str(embedder.mirror).lower()}"


def _read(folder: Path, name: str, shape: tuple[int, ...]) -> FittedPicture:
    """The picture. Raises DataError too for a name that a table cannot hold."""
    try:
        name.encode()
    except UnicodeEncodeError:
        raise DataError("has a name that is not UTF-8; rename it") from None
    return picture_files.read_picture(folder / name, shape)


def _first(lines: Sequence[str]) -> str:
    """The first few lines, indented."""
    shown = [*lines[:_NAMED], *(["..."] if len(lines) > _NAMED else [])]
    return "\n".join(f"  {line}" for line in shown)
