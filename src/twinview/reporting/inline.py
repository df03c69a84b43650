"""Pictures inside the page's own file: thumbnails, sprites, data URIs."""

import base64
import io
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image as Picture
from torch import Tensor

from twinview.errors import DataError
from twinview.reporting.pictures import as_picture

_LONGEST = 32  # of a thumbnail's sides; thousands of larger ones would make a heavy page


def thumbnails(images: Tensor) -> Tensor:
    """Images uint8 (n, c, h, w) at most 32 pixels wide and high; smaller ones as they are."""
    height, width = images.shape[2:]
    shrink = max(height, width) / _LONGEST
    if shrink <= 1:
        return images
    size = (max(1, round(height / shrink)), max(1, round(width / shrink)))
    return F.interpolate(images.float(), size, mode="area").round().to(torch.uint8)


def sprite(images: Tensor, columns: int) -> Picture.Image:
    """Images uint8 (n, c, h, w) side by side without gaps, row by row."""
    n, channels, height, width = images.shape
    rows = -(-n // columns)
    full = torch.zeros(rows * columns, channels, height, width, dtype=torch.uint8)
    full[:n] = images
    grid = full.view(rows, columns, channels, height, width).permute(2, 0, 3, 1, 4)
    return as_picture(grid.reshape(channels, rows * height, columns * width))


def data_uri(picture: Picture.Image) -> str:
    """The picture as PNG in a data URI."""
    file = io.BytesIO()
    picture.save(file, format="png", optimize=True)
    return _png_uri(file.getvalue())


def file_uri(path: Path) -> str:
    """A PNG file as a data URI. Raises DataError when it is missing."""
    if not path.is_file():
        raise DataError(f"{path} is missing; `dvc repro` makes it")
    return _png_uri(path.read_bytes())


def _png_uri(content: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(content).decode()}"
