"""Picture files as an encoder's input, fitted to its shape: the one reader of all commands."""

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
CHANGES = ("made_grey", "scaled", "cut")  # what fitting may do to a picture

_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF")
_MODES = {1: "L", 3: "RGB"}
_EIGHT_BITS = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK")
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# What Pillow's readers raise for bytes that they make nothing of.
_FAULTS = (
    OSError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, EOFError,
    struct.error, zlib.error,
)  # fmt: skip


@dataclass(frozen=True)
class FittedPicture:
    """A picture as an encoder takes it.

    pixels: uint8 (c, h, w). changes: those of CHANGES that it needed. warnings: Pillow's.
    """

    pixels: Tensor
    changes: tuple[str, ...]
    warnings: tuple[str, ...]


def read_picture(path: Path, shape: tuple[int, ...]) -> FittedPicture:
    """The picture of a file on the disk, as `fitted` has it."""
    try:
        file = path.open("rb")
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror})") from None
    with file:
        return fit_picture(file, shape)


def fit_picture(file: IO[bytes], shape: tuple[int, ...]) -> FittedPicture:
    """The picture of a file of any size, fitted to the shape (c, h, w).

    It is turned as its EXIF data say, transparency laid on black, colours made grey where the
    encoder takes grey ones, scaled (bicubic) until the shorter side fits, and the middle cut out.
    Of 16 bits a channel the high 8 count, of an animation the first picture. Raises DataError for
    what cannot be read so.
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
        found = ImageOps.fit(coloured, (width, height), Image.Resampling.BICUBIC)
    large = Image.DecompressionBombWarning  # Pillow's, at half of the limit
    said = tuple(str(of.message) for of in caught if not issubclass(of.category, large))
    return FittedPicture(_pixels(found), tuple(name for name in CHANGES if changes[name]), said)


@contextlib.contextmanager
def _pillow_errors_reported() -> Iterator[None]:
    """Raises DataError for what Pillow makes nothing of."""
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
    """The picture itself, or the high byte of each of its values."""
    if picture.mode in _EIGHT_BITS:
        return picture
    high = Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8))
    high.info = picture.info
    return high


def _upright(picture: Image.Image) -> Image.Image:
    """The picture turned as its EXIF data say; as it lies where these cannot be read."""
    try:
        Image.Exif().load(picture.info.get("exif", b""))  # getexif is silent where asked before
        turn = _TURNS.get(picture.getexif().get(ExifTags.Base.Orientation, 1))
    except _FAULTS as error:
        warnings.warn(f"is not turned, for its EXIF data are broken ({error})", stacklevel=2)
        return picture
    return picture if turn is None else picture.transpose(turn)


def _on_black(picture: Image.Image) -> Image.Image:
    """The picture with transparency laid on black."""
    if not picture.has_transparency_data:
        return picture
    black = Image.new("RGBA", picture.size, (0, 0, 0, 255))
    return Image.alpha_composite(black, picture.convert("RGBA"))


def _has_colour(picture: Image.Image) -> bool:
    """Whether any pixel is of a colour that is no grey."""
    red, *others = picture.convert("RGB").split()
    return any(ImageChops.difference(red, other).getbbox() for other in others)


def _pixels(picture: Image.Image) -> Tensor:
    values = torch.from_numpy(np.array(picture))
    return values[None] if values.ndim == 2 else values.permute(2, 0, 1).contiguous()
