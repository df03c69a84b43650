"""Pictures inside the page's file: thumbnails, sprites, data URIs."""

import base64
import io
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image as Picture
from torch import Tensor

from twinview.core.errors import DataError
from twinview.reporting.pictures import as_picture

_MAX_WIDTH = 1600  # of a whole picture
_MAX_SIDE = 32  # of a thumbnail; thousands of larger ones would make the page large


def thumbnails(images: Tensor) -> Tensor:
    """Images uint8 (n, c, h, w), scaled down to at most 32 pixels wide and high."""
    height, width = images.shape[2:]
    factor = max(height, width) / _MAX_SIDE
    if factor <= 1:
        return images
    size = (max(1, round(height / factor)), max(1, round(width / factor)))
    return F.interpolate(images.float(), size, mode="area").round().to(torch.uint8)


def sprite(images: Tensor, columns: int) -> Picture.Image:
    """One picture of images uint8 (n, c, h, w), side by side without gaps, row by row."""
    n, channels, height, width = images.shape
    rows = -(-n // columns)
    full = torch.zeros(rows * columns, channels, height, width, dtype=torch.uint8)
    full[:n] = images
    grid = full.view(rows, columns, channels, height, width).permute(2, 0, 3, 1, 4)
    return as_picture(grid.reshape(channels, rows * height, columns * width))


def data_uri(picture: Picture.Image) -> str:
    """The picture as a data URI: a grey one as PNG, a coloured one as WebP, which is smaller."""
    file = io.BytesIO()
    if picture.mode == "L":
        picture.save(file, format="png", optimize=True)
        return _uri("png", file.getvalue())
    picture.save(file, format="webp", quality=85)
    return _uri("webp", file.getvalue())


def file_uri(path: Path) -> str:
    """A picture file as a data URI, at most 1600 wide. Raises DataError when it is missing."""
    if not path.is_file():
        raise DataError.at(path, "is missing", "`dvc repro` makes it")
    with Picture.open(path) as picture:
        picture.thumbnail((_MAX_WIDTH, picture.height))
        return data_uri(picture)


def _uri(kind: str, content: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
