"""Picture files decoded in several processes, in the order in which they are given."""

import os
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from twinview.core.reading import Reading
from twinview.pictures.decoding_pool import map_in_processes
from twinview.pictures.files import FittedPicture, LeftOut, read_or_leave_out

Stamp = tuple[int, int]  # a file's size in bytes and its modification time in nanoseconds
File = tuple[str, Stamp]  # a path relative to the folder, and its stamp when the folder was listed

# A chunk is what a process decodes at once; these bound the memory of the chunks under way.
_FILES, _FILE_BYTES, _PIXEL_BYTES = 256, 2**21, 2**22
_CHUNKS_A_WORKER = 4

# DVC alone would not run the stage again: it knows the files by the last scan.
_AGAIN = "`twinview repro` reads the folder again"
GONE = LeftOut("gone while the folder was read", f"is gone; {_AGAIN}", passing=True)
CHANGED = LeftOut("changed while the folder was read", f"has changed; {_AGAIN}", passing=True)


class Info(NamedTuple):
    """What is known of a decoded file beside its pixels; see files.FittedPicture."""

    kind: str
    size: tuple[int, int]
    changes: tuple[str, ...]
    conversions: tuple[str, ...]
    warnings: tuple[str, ...]


class Outcome(NamedTuple):
    """What became of a file: its pixels (c, h, w) uint8, or None and why it is left out."""

    file: File
    pixels: np.ndarray | None
    info: Info | LeftOut


@dataclass(frozen=True)
class Recipe:
    """What the pixels of a folder's files depend on, beside the files.

    shape: (c, h, w).
    """

    folder: Path
    shape: tuple[int, ...]
    reading: Reading

    @property
    def picture_bytes(self) -> int:
        """The size of one decoded picture."""
        return int(np.prod(self.shape))


def decode(
    recipe: Recipe, files: Sequence[File], workers: int | None
) -> Generator[Outcome, None, None]:
    """The outcome of every file, in the order of the files, whatever the number of processes.

    Parameters
    ----------
    recipe : how the files are decoded.
    files : the files.
    workers : the number of processes, or None for one on each processor that may be used. One
        worker is this process.

    Raises
    ------
    ProcessLostError : a process was killed.
    """
    chunks = list(_chunks(files, recipe.picture_bytes))
    count = min(workers or len(os.sched_getaffinity(0)), len(chunks))
    work = partial(_decode_chunk, recipe)
    results = map(work, chunks) if count <= 1 else _in_processes(work, chunks, count)
    for chunk, (pixels, infos) in zip(chunks, results, strict=True):
        decoded = iter(pixels)
        for file, info in zip(chunk, infos, strict=True):
            yield Outcome(file, None if isinstance(info, LeftOut) else next(decoded), info)


_Result = tuple[np.ndarray, list[Info | LeftOut]]


def _chunks(files: Iterable[File], picture_bytes: int) -> Iterator[list[File]]:
    """The files in chunks that take about equally long."""
    chunk: list[File] = []
    most, total = max(1, min(_FILES, _PIXEL_BYTES // picture_bytes)), 0
    for path, stamp in files:
        chunk.append((path, stamp))
        total += stamp[0]
        if len(chunk) == most or total >= _FILE_BYTES:
            yield chunk
            chunk, total = [], 0
    if chunk:
        yield chunk


def _in_processes(
    work: "partial[_Result]", chunks: Sequence[list[File]], count: int
) -> Iterator[_Result]:
    """The results of the chunks, in their order; few chunks wait at a time."""
    remedy = (
        "what was decoded before is kept: run it again, and if it ends here again, move the file "
        "that kills it away"
    )
    ahead = _CHUNKS_A_WORKER * count - 1
    return map_in_processes(work, chunks, count, ahead, lambda chunk: chunk[0][0], remedy)


def _decode_chunk(recipe: Recipe, chunk: Sequence[File]) -> _Result:
    pixels = np.empty((len(chunk), *recipe.shape), np.uint8)
    infos: list[Info | LeftOut] = []
    count = 0
    for path, stamp in chunk:
        picture = _decode_file(recipe, recipe.folder / path, stamp)
        if isinstance(picture, FittedPicture):
            pixels[count] = picture.pixels.numpy()
            count += 1
            infos.append(
                Info(
                    picture.kind,
                    picture.size,
                    picture.changes,
                    picture.conversions,
                    picture.warnings,
                )
            )
        else:
            infos.append(picture)
    return pixels[:count], infos


def _decode_file(recipe: Recipe, path: Path, stamp: Stamp) -> FittedPicture | LeftOut:
    """The picture of a file that is still the one that was listed, after it was read as well."""
    if fault := _fault(path, stamp):
        return fault
    picture = read_or_leave_out(path, recipe.shape, recipe.reading)
    return _fault(path, stamp) or picture


def _fault(path: Path, stamp: Stamp) -> LeftOut | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return GONE
    except OSError as error:
        return LeftOut("cannot be opened", f"cannot be read ({error.strerror})", passing=True)
    return None if (status.st_size, status.st_mtime_ns) == stamp else CHANGED
