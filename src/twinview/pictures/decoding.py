"""Many picture files decoded in worker processes, in order and in bounded memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from twinview.core.reading import Reading
from twinview.pictures.decoding_pool import map_in_processes
from twinview.pictures.files import FittedPicture, LeftOut, read_or_leave_out

_FILES = 32  # the files of one task
_BYTES_AHEAD = 128e6  # of pictures that are decoded and not yet taken
_FEW = 256  # so few files are decoded sooner than worker processes have started


@dataclass(frozen=True)
class Facts:
    """What is told of a decoded picture: see FittedPicture."""

    changes: tuple[str, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Block:
    """Files that were read one after the other.

    names: of all files of the block. outcomes: for each, what is told of it, or why it is left out.
    pixels: uint8 (k, c, h, w), the pictures that are not left out, in order.
    """

    names: tuple[str, ...]
    outcomes: tuple[Facts | LeftOut, ...]
    pixels: np.ndarray


def decode_files(
    folder: Path, names: Sequence[str], shape: tuple[int, ...], reading: Reading, workers: int
) -> Iterator[Block]:
    """The files in blocks, in the given order, whatever the number of workers.

    Parameters
    ----------
    folder : the names are relative to it.
    names : the files.
    shape : the wanted (c, h, w).
    reading : the choices by which files become pixels.
    workers : how many processes decode, beside this one. Few files are decoded in this process.

    Raises
    ------
    ProcessLostError : a worker process was killed, for example because the memory is used up.
    """
    job = partial(_read_block, folder, shape, reading)
    tasks = (tuple(names[first : first + _FILES]) for first in range(0, len(names), _FILES))
    if len(names) <= _FEW:
        yield from map(job, tasks)
        return
    # Each worker has a task, and a queue of more, so that it is never idle while batches are used.
    ahead = max(2 * workers, min(64, int(_BYTES_AHEAD / (_FILES * np.prod(shape)))))
    remedy = "lower --workers, or move the file that kills it away"
    yield from map_in_processes(job, tasks, workers, ahead, lambda names: names[0], remedy)


def count_blocks(names: Sequence[str]) -> int:
    """How many blocks decode_files makes of so many names."""
    return -(-len(names) // _FILES)


def _read_block(
    folder: Path, shape: tuple[int, ...], reading: Reading, names: tuple[str, ...]
) -> Block:
    read = [read_or_leave_out(folder / name, shape, reading) for name in names]
    pixels = [picture.pixels.numpy() for picture in read if isinstance(picture, FittedPicture)]
    outcomes = [
        Facts(found.changes, found.warnings) if isinstance(found, FittedPicture) else found
        for found in read
    ]
    stacked = np.stack(pixels) if pixels else np.empty((0, *shape), np.uint8)
    return Block(names, tuple(outcomes), stacked)
