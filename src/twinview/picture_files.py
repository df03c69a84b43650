"""PNG and JPEG files as an encoder's input: as they are, or fitted to its shape."""

import contextlib
import io
import struct
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from twinview.errors import DataError

SUFFIXES = (".png", ".jpg", ".jpeg")
_MODES = {1: "L", 3: "RGB"}
_FORMATS = ("PNG", "JPEG")
_EIGHT_BITS = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr")


def exact(content: bytes, shape: tuple[int, ...]) -> Tensor:
    """The pixels, uint8 (c, h, w), of a file that has the shape.

    Raises DataError for what is no PNG or JPEG picture, and for another size or colour.
    """
    picture = _opened(io.BytesIO(content))
    channels, height, width = shape
    if (picture.width, picture.height, picture.mode) != (width, height, _MODES[channels]):
        raise DataError(
            f"is {picture.width} x {picture.height} pixels of mode {picture.mode}, not "
            f"{width} x {height} of mode {_MODES[channels]}; `twinview embed` fits pictures"
        )
    with _told():
        picture.load()
    return _pixels(picture)


def fitted(path: Path, shape: tuple[int, ...]) -> Tensor:
    """The pixels, uint8 (c, h, w), of a file of any size.

    It is turned as its EXIF data say, transparency laid on black, colours made grey where the
    encoder takes grey ones, scaled (bicubic) until the shorter side fits, and the middle cut out.
    Raises DataError for what is no PNG or JPEG picture of 8 bits a channel.
    """
    channels, height, width = shape
    try:
        file = path.open("rb")
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror})") from None
    with file:
        picture = _opened(file)
        with _told():
            picture.load()
            upright = ImageOps.exif_transpose(picture)
        if picture.mode not in _EIGHT_BITS:
            raise DataError(f"has pixels of mode {picture.mode}; save it with 8 bits a channel")
        if upright.has_transparency_data:
            black = Image.new("RGBA", upright.size, (0, 0, 0, 255))
            upright = Image.alpha_composite(black, upright.convert("RGBA"))
        coloured = upright.convert(_MODES[channels])
        return _pixels(ImageOps.fit(coloured, (width, height), Image.Resampling.BICUBIC))


def _opened(file: IO[bytes]) -> Image.Image:
    """What Pillow makes of the file's head."""
    with _told(), warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        return Image.open(file, formats=_FORMATS)


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Raises DataError for what Pillow makes nothing of: head, pixels or EXIF data."""
    try:
        yield
    except UnidentifiedImageError:
        raise DataError("is no PNG or JPEG picture") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise DataError(f"is too large to be read ({error})") from None
    except (OSError, SyntaxError, ValueError, struct.error) as error:
        raise DataError(f"is broken ({error})") from None


def _pixels(picture: Image.Image) -> Tensor:
    values = torch.from_numpy(np.array(picture))
    return values[None] if values.ndim == 2 else values.permute(2, 0, 1).contiguous()
