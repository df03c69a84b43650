"""Picture files, read and fitted to the shape that an encoder takes.

All commands and the served model read pictures by this module.
"""

import contextlib
import struct
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import torch
from PIL import ExifTags, Image, ImageChops, ImageOps, UnidentifiedImageError
from torch import Tensor

from twinview.core.errors import DataError
from twinview.pictures import png_chunks

SUFFIXES = (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".gif")
FORMATS = "PNG, JPEG, WebP, BMP or GIF"
CHANGES = ("made_grey", "scaled", "cut")  # the changes that fitting may make

_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF")
_MODES = {1: "L", 3: "RGB"}
_EIGHT_BITS = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK")
_ORIENTATIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# The errors that Pillow's readers raise for bytes that are no picture.
_FAULTS = (
    OSError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, EOFError,
    struct.error, zlib.error,
)  # fmt: skip


@dataclass(frozen=True)
class FittedPicture:
    """A picture as an encoder takes it.

    pixels: uint8 (c, h, w). changes: those of CHANGES that were made. warnings: Pillow's.
    """

    pixels: Tensor
    changes: tuple[str, ...]
    warnings: tuple[str, ...]


def read_picture(path: Path, shape: tuple[int, ...]) -> FittedPicture:
    """The picture of the file at `path`, as fit_picture returns it."""
    try:
        file = path.open("rb")
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror})") from None
    with file:
        return fit_picture(file, shape)


def fit_picture(file: IO[bytes], shape: tuple[int, ...]) -> FittedPicture:
    """The picture of a file, of any size, fitted to the shape (c, h, w).

    The picture is turned as its EXIF data say, and transparency is laid on black. Colours become
    grey when the encoder takes one channel. The picture is then scaled (bicubic) until its shorter
    side fits, and the middle is cut out. Of 16 bits a channel the high 8 are used, and of an
    animation the first picture. Raises DataError for a file that cannot be read so.
    """
    channels, height, width = shape
    with _pillow_errors_reported(), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        picture = Image.open(png_chunks.without_metadata(file), formats=_FORMATS)
        picture.load()
        upright = _on_black(_upright(_eight_bits(picture)))
        changes = {
            "made_grey": channels == 1 and _has_colour(upright),
            "scaled": max(width / upright.width, height / upright.height) != 1,
            "cut": upright.width * height != upright.height * width,
        }
        coloured = upright.convert(_MODES[channels])
        fitted = ImageOps.fit(coloured, (width, height), Image.Resampling.BICUBIC)
    large = Image.DecompressionBombWarning  # Pillow warns at half of its limit
    texts = tuple(str(w.message) for w in caught if not issubclass(w.category, large))
    return FittedPicture(_pixels(fitted), tuple(name for name in CHANGES if changes[name]), texts)


@contextlib.contextmanager
def _pillow_errors_reported() -> Iterator[None]:
    """Raises DataError in place of Pillow's errors."""
    try:
        yield
    except UnidentifiedImageError:
        raise DataError(f"is no picture that can be read; save it as {FORMATS}") from None
    except Image.DecompressionBombError:
        most = 2 * (Image.MAX_IMAGE_PIXELS or 0)
        raise DataError(f"has more than {most:,} pixels; scale it down first") from None
    except MemoryError:
        raise DataError("needs more memory than there is; scale it down first") from None
    except _FAULTS as error:
        raise DataError(f"is broken ({error or type(error).__name__})") from None


def _eight_bits(picture: Image.Image) -> Image.Image:
    """The picture itself if it has 8 bits a channel; otherwise the high byte of each value."""
    if picture.mode in _EIGHT_BITS:
        return picture
    high = Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8))
    high.info = picture.info
    return high


def _upright(picture: Image.Image) -> Image.Image:
    """The picture turned as its EXIF data say, or unchanged where these cannot be read."""
    try:
        Image.Exif().load(
            picture.info.get("exif", b"")
        )  # getexif does not raise when it was called before
        turn = _ORIENTATIONS.get(picture.getexif().get(ExifTags.Base.Orientation, 1))
    except _FAULTS as error:
        warnings.warn(f"is not turned, for its EXIF data are broken ({error})", stacklevel=2)
        return picture
    return picture if turn is None else picture.transpose(turn)


def _on_black(picture: Image.Image) -> Image.Image:
    """The picture with its transparency laid on black."""
    if not picture.has_transparency_data:
        return picture
    black = Image.new("RGBA", picture.size, (0, 0, 0, 255))
    return Image.alpha_composite(black, picture.convert("RGBA"))


def _has_colour(picture: Image.Image) -> bool:
    """Whether any pixel has a colour that is not grey."""
    red, *others = picture.convert("RGB").split()
    return any(ImageChops.difference(red, other).getbbox() for other in others)


def _pixels(picture: Image.Image) -> Tensor:
    """The pixels as uint8 (c, h, w)."""
    values = torch.from_numpy(np.array(picture))
    return values[None] if values.ndim == 2 else values.permute(2, 0, 1).contiguous()
