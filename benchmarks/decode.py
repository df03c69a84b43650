"""The rate at which the store decodes a folder, as a share of a bare pool of Pillow workers.

The bare pool opens, converts, fits and returns each picture, and checks and stores nothing. Both
have as many processes as there are processors, and decode the same files in turn. Each rate is that
of the files beyond a first part, so that the start of the processes does not count.
"""

import multiprocessing
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from benchmarks import picture_files
from benchmarks.common import show, spread
from twinview.core.folder_walk import Stamp
from twinview.pictures.decoded_store import decode_files

SIDE = 96
Files = Mapping[str, Stamp]


def measure(count: int = 6000, rounds: int = 3) -> dict[str, Any]:
    """The share and both rates, each as median, low and high of the rounds."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "pictures"
        files = picture_files.write(folder, count)
        first = dict(islice(files.items(), count // 6))
        ways: dict[str, Callable[[Path, Mapping[str, Stamp]], None]] = {
            "pool": bare((3, SIDE, SIDE)),
            "store": partial(_store, Path(name) / "store"),
        }
        rates: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(rounds):
            for way, decode in ways.items():
                rates[way].append(rate(decode, folder, first, files))
    pairs = zip(rates["store"], rates["pool"], strict=True)
    return {
        "decode.share_of_pool": spread([ours / bare for ours, bare in pairs]),
        "decode.pool_pictures_per_second": spread(rates["pool"]),
        "decode.pictures_per_second": spread(rates["store"]),
    }


def rate(decode: Callable[[Path, Files], None], folder: Path, first: Files, files: Files) -> float:
    """The pictures per second of the files that `first` lacks."""
    seconds = []
    for part in (first, files):
        start = time.perf_counter()
        decode(folder, part)
        seconds.append(time.perf_counter() - start)
    return (len(files) - len(first)) / (seconds[1] - seconds[0])


def _store(store: Path, folder: Path, files: Files) -> None:
    shutil.rmtree(store, ignore_errors=True)
    shape = (3, SIDE, SIDE)
    decode_files(folder, files, shape, store=store, workers=None, progress=_silent)


def bare(shape: tuple[int, ...]) -> Callable[[Path, Files], None]:
    """A function that decodes files by a bare pool of Pillow workers."""

    def decode(folder: Path, files: Files) -> None:
        with multiprocessing.get_context("forkserver").Pool(len(os.sched_getaffinity(0))) as pool:
            work, paths = partial(_decode, shape), [folder / path for path in files]
            for _ in pool.imap(work, paths, chunksize=64):
                pass

    return decode


def _decode(shape: tuple[int, ...], path: Path) -> np.ndarray:
    channels, height, width = shape
    with Image.open(path) as picture:
        coloured = picture.convert("RGB" if channels == 3 else "L")
        return np.asarray(ImageOps.fit(coloured, (width, height), Image.Resampling.BICUBIC))


def _silent(items: Iterable[Any], total: int, what: str) -> Iterator[Any]:
    return iter(items)


if __name__ == "__main__":
    show(measure())
