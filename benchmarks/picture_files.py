"""Picture files for the benchmarks: smooth noise, so that they compress as photos do."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from twinview.core.folder_walk import Stamp
from twinview.data.folder_scan import scan_folder

SIZE = (640, 480)


def write(folder: Path, count: int) -> dict[str, Stamp]:
    """Writes `count` pictures, two of three JPEG and the third PNG; returns their stamps."""
    folder.mkdir(parents=True)
    for number, small in enumerate(_noise(count)):
        picture = Image.fromarray(small).resize(SIZE, Image.Resampling.BICUBIC)
        if number % 3 == 2:
            picture.save(folder / f"{number:06}.png")
        else:
            picture.save(folder / f"{number:06}.jpg", quality=90)
    return dict(scan_folder(folder).files)


def _noise(count: int) -> Iterator[np.ndarray]:
    draws = np.random.default_rng(0)
    for _ in range(count):
        yield draws.integers(0, 256, (48, 64, 3), np.uint8)
