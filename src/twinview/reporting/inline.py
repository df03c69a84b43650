"""Pictures inside the page's own file: thumbnails, sprites, data URIs."""

import base64
import io
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image as Picture
from torch import Tensor

from twinview.core.errors import DataError
from twinview.reporting.pictures import as_picture

_WIDEST = 1600  # of a whole picture
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
    """The picture in a data URI: a grey one to the bit, a coloured one as WebP, far smaller so."""
    file = io.BytesIO()
    if picture.mode == "L":
        picture.save(file, format="png", optimize=True)
        return _uri("png", file.getvalue())
    picture.save(file, format="webp", quality=85)
    return _uri("webp", file.getvalue())


def file_uri(path: Path) -> str:
    """A picture's file as a data URI, at most 1600 wide. Raises DataError when it is missing."""
    if not path.is_file():
        raise DataError(f"{path} is missing; `dvc repro` makes it")
    with Picture.open(path) as picture:
        picture.thumbnail((_WIDEST, picture.height))
        return data_uri(picture)


def _uri(kind: str, content: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
