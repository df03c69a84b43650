"""A local store of decoded pictures, in which each file of a folder is decoded once.

The stage prepare reads a folder's pictures through it. The store has a folder for each recipe,
which is all that pixels depend on beside the files. It is a cache: what is deleted or damaged is
decoded again. A killed process loses one shard at most.
"""

import contextlib
import dataclasses
import hashlib
import json
import math
import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from twinview.core import files as core_files
from twinview.core import locks, mapped
from twinview.core.reading import DEFAULT, Reading
from twinview.pictures import decoding_processes
from twinview.pictures.decoded_shards import Shard, open_shards, write_shard
from twinview.pictures.decoding_processes import File, Info, Outcome, Recipe, Stamp
from twinview.pictures.files import LeftOut

Progress = Callable[[Iterable[Any], int, str], Iterator[Any]]

_SHARD_BYTES, _SHARD_FILES = 2**26, 2**13
_BLOCK_BYTES = 2**24
# The modules that turn a file into pixels.
CODE = (
    "decode", "files", "heic", "kinds", "netpbm", "png_chunks", "tiff_tags", "unreadable",
)  # fmt: skip


@dataclass(frozen=True)
class Decoded:
    """The decoded pictures of a folder.

    shape: (c, h, w). rows: by path, in the order of the files, the number of its picture in the
    store, or why there is none.
    """

    shape: tuple[int, ...]
    rows: Mapping[str, int | LeftOut]
    _infos: Mapping[str, Info | LeftOut]
    _shards: Sequence[Shard]

    def info(self, path: str) -> Info:
        """What is known of a picture beside its pixels; a file that is left out has none."""
        info = self._infos[path]
        assert isinstance(info, Info), f"{path} is left out"
        return info

    def load(self, paths: Sequence[str]) -> Tensor:
        """The pictures of these paths as one tensor, which lies in a file if it is large."""
        return mapped.join(self.read(paths))

    def read(self, paths: Sequence[str]) -> Iterator[Tensor]:
        """The pictures of these paths, in their order, as blocks (n, c, h, w) uint8 of some 16 MB.

        Raises DataError when a file of the store has gone meanwhile.
        """
        starts = np.cumsum([0, *(shard.count for shard in self._shards)])
        size = max(1, _BLOCK_BYTES // math.prod(self.shape))
        for first in range(0, len(paths), size):
            rows = np.array([self.rows[path] for path in paths[first : first + size]], np.int64)
            block = np.empty((len(rows), *self.shape), np.uint8)
            # Of equal starts, those of shards without a picture, the last is the right one.
            numbers = np.searchsorted(starts, rows, "right") - 1
            for number in np.unique(numbers):
                members = np.flatnonzero(numbers == number)
                block[members] = self._shards[number].take(rows[members] - starts[number])
            yield torch.from_numpy(block)


def decode_files(
    folder: Path,
    files: Mapping[str, Stamp],
    shape: tuple[int, ...],
    reading: Reading = DEFAULT,
    *,
    store: Path,
    workers: int | None,
    progress: Progress,
) -> Decoded:
    """The decoded pictures of a folder; the files that the store lacks are decoded and stored.

    A file counts as the same as long as its path, size and modification time are. Pixels do not
    depend on the number of workers, nor on what the store held before.

    Parameters
    ----------
    folder : contains the files; it is only read.
    files : the files by their paths relative to the folder, each with (size, mtime_ns).
    shape : the wanted (c, h, w).
    reading : the choices by which files become pixels.
    store : the folder of all stores, such as data/decoded.
    workers : the number of processes that decode; None: one on each processor.
    progress : shows the progress of a sequence, as stage.progress does.

    Raises
    ------
    BusyError : the disk is full. What is decoded is kept, and the next call goes on.
    ProcessLostError : a process that decodes was killed. What is decoded is kept.
    """
    # A worker imports the main script; one that gets here by that would wait for the lock forever.
    importing = getattr(multiprocessing.current_process(), "_inheriting", False)
    assert not importing, "call decode_files under `if __name__ == '__main__':` in a script"
    recipe = Recipe(folder, shape, reading)
    identity = _identity(recipe)
    digest = hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:16]
    place = store / digest
    with locks.file_lock(store / f"{digest}.lock", lambda holder: None):
        core_files.save_json(place / "recipe.json", identity)
        shards, infos = _stored(place, shape, files)
        missing = [(path, (s[0], s[1])) for path, s in files.items() if path not in infos]
        for shard, passing in _decode(recipe, missing, place, workers, progress):
            shards.append(shard)
            infos |= {entry.path: entry.info for entry in shard.current(files)} | passing
    rows: dict[str, Any] = infos | _rows(shards, files)
    return Decoded(shape, {path: rows[path] for path in files}, infos, shards)


def _identity(recipe: Recipe) -> dict[str, Any]:
    """All that pixels depend on beside the files, for people to read as well.

    The folder belongs to it: files of equal paths, sizes and times in two folders need not be
    equal, since archives are often unpacked with one time for all files.
    """
    code = hashlib.sha256()
    for name in CODE:
        code.update(Path(__file__).with_name(f"{name}.py").read_bytes())
    heif = None
    with contextlib.suppress(PackageNotFoundError):
        heif = version("pillow-heif")
    return {
        "folder": str(recipe.folder.resolve()),
        "shape": recipe.shape,
        "reading": dataclasses.asdict(recipe.reading),
        "pillow": version("pillow"),
        "pillow_heif": heif,
        "code": code.hexdigest(),
    }


def _stored(
    place: Path, shape: tuple[int, ...], files: Mapping[str, Stamp]
) -> tuple[list[Shard], dict[str, Info | LeftOut]]:
    """The shards that hold some of the files, and what is known of these; the others go."""
    shards, infos = [], dict[str, Info | LeftOut]()
    for shard in open_shards(place, shape):
        found = {entry.path: entry.info for entry in shard.current(files)}
        if found:
            infos |= found
            shards.append(shard)
        else:
            shard.remove()
    return shards, infos


def _decode(
    recipe: Recipe, files: Sequence[File], place: Path, workers: int | None, progress: Progress
) -> Iterator[tuple[Shard, dict[str, LeftOut]]]:
    """Decodes the files into new shards; with each those whose reason is not kept."""
    core_files.require_disk_space(
        place, len(files) * recipe.picture_bytes, "make room, or lower data.size"
    )
    per_shard = max(1, min(_SHARD_FILES, _SHARD_BYTES // recipe.picture_bytes))
    with contextlib.closing(decoding_processes.decode(recipe, files, workers)) as decoded:
        outcomes = progress(decoded, len(files), "decode") if files else decoded
        for first in range(0, len(files), per_shard):
            batch = files[first : first + per_shard]
            passing: dict[str, LeftOut] = {}
            kept = _without_passing(islice(outcomes, len(batch)), passing)
            yield write_shard(place, recipe.shape, batch, kept), passing


def _without_passing(outcomes: Iterable[Outcome], passing: dict[str, LeftOut]) -> Iterator[Outcome]:
    """The outcomes that are kept; the others are added to `passing`."""
    for outcome in outcomes:
        if isinstance(outcome.info, LeftOut) and outcome.info.passing:
            passing[outcome.file[0]] = outcome.info
        else:
            yield outcome


def _rows(shards: Iterable[Shard], files: Mapping[str, Stamp]) -> dict[str, int]:
    """The number of each file's picture, counted over all pictures of the shards."""
    rows: dict[str, int] = {}
    start = 0
    for shard in shards:
        rows |= {e.path: start + e.row for e in shard.current(files) if e.row is not None}
        start += shard.count
    return rows
