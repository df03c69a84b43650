"""Picture files, read and fitted to the shape that an encoder takes.

All commands and the served model read pictures by this module.
"""

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import torch
from PIL import Image, ImageChops, ImageOps
from torch import Tensor

from twinview.core.reading import DEFAULT, Reading
from twinview.pictures import kinds
from twinview.pictures.decode import decode
from twinview.pictures.unreadable import UnreadableError, pillow_errors_reported

SUFFIXES, FORMATS = kinds.SUFFIXES, kinds.FORMATS
CHANGES = ("made_grey", "scaled", "cut")  # the changes that fitting may make

_MODES = {1: "L", 3: "RGB"}
_COLOURLESS = ("1", "L")


@dataclass(frozen=True)
class FittedPicture:
    """A picture as an encoder takes it.

    pixels: uint8 (c, h, w). changes: those of CHANGES that were made. warnings: Pillow's. kind: the
    file's, such as JPEG. size: the upright picture's (height, width) in the file. conversions: what
    was done to stored values before fitting, of decode.CONVERSIONS.
    """

    pixels: Tensor
    changes: tuple[str, ...]
    warnings: tuple[str, ...]
    kind: str
    size: tuple[int, int]
    conversions: tuple[str, ...]


@dataclass(frozen=True)
class LeftOut:
    """Why a file is not among the pictures.

    reason: a few words, equal for all files with the same fault, so that they can be counted.
    detail: begins with a verb, and says what to do; the file's name goes before it. passing:
    whether another reading may find the same file in order.
    """

    reason: str
    detail: str
    passing: bool = False


def read_or_leave_out(
    path: Path, shape: tuple[int, ...], reading: Reading = DEFAULT
) -> FittedPicture | LeftOut:
    """The picture of the file at `path`, or why it is left out. For many files of which some fail.

    Parameters
    ----------
    path : the file; its first bytes decide what it is, and not its name.
    shape : the wanted (c, h, w).
    reading : the choices by which the file becomes pixels.
    """
    try:
        return read_picture(path, shape, reading)
    except UnreadableError as error:
        return LeftOut(error.reason, str(error), error.passing)


def read_picture(path: Path, shape: tuple[int, ...], reading: Reading = DEFAULT) -> FittedPicture:
    """The picture of the file at `path`, as fit_picture returns it."""
    try:
        file = path.open("rb")
    except OSError as error:
        message = f"cannot be read ({error.strerror})"
        raise UnreadableError("cannot be opened", message, passing=True) from None
    with file:
        return fit_picture(file, shape, reading)


def fit_picture(
    file: IO[bytes], shape: tuple[int, ...], reading: Reading = DEFAULT
) -> FittedPicture:
    """The picture of a file, of any size, fitted to a shape.

    The picture is turned as its EXIF data say, and transparency is laid on the background. Colours
    become grey when the encoder takes one channel. The picture is then scaled (bicubic) until its
    shorter side fits, and the middle is cut out. Of more than 8 bits a channel the high 8 are used,
    and of several pictures in a file the first. CMYK is taken as browsers take it: of JPEGs 255 is
    no ink, with Adobe's marker and without; of TIFFs 0 is no ink.

    Parameters
    ----------
    file : can be read from its start.
    shape : the wanted (c, h, w).
    reading : the choices by which the file becomes pixels.

    Raises
    ------
    UnreadableError : the file cannot be read so.
    """
    channels, height, width = shape
    with pillow_errors_reported(), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        decoded = decode(file, (height, width), reading)
        upright = decoded.picture
        changes = {
            "made_grey": channels == 1 and _has_colour(upright),
            "scaled": max(width / decoded.size[1], height / decoded.size[0]) != 1,
            "cut": decoded.size[1] * height != decoded.size[0] * width,
        }
        pixels = fit_upright(upright, shape)
    large = Image.DecompressionBombWarning  # Pillow warns at half of its limit
    return FittedPicture(
        pixels,
        tuple(name for name in CHANGES if changes[name]),
        tuple(str(w.message) for w in caught if not issubclass(w.category, large)),
        decoded.kind,
        decoded.size,
        decoded.conversions,
    )


def fit_upright(picture: Image.Image, shape: tuple[int, ...]) -> Tensor:
    """An upright picture without transparency as uint8 of the shape (c, h, w).

    It is made grey when c is 1, scaled (bicubic) until its shorter side fits, and cut.
    """
    channels, height, width = shape
    coloured = picture.convert(_MODES[channels])
    if coloured.size == (width, height):  # as all pictures of many data sets have
        return _pixels(coloured)
    return _pixels(ImageOps.fit(coloured, (width, height), Image.Resampling.BICUBIC))


def _has_colour(picture: Image.Image) -> bool:
    """Whether any pixel has a colour that is not grey."""
    if picture.mode in _COLOURLESS:
        return False
    red, *others = picture.convert("RGB").split()
    return any(ImageChops.difference(red, other).getbbox() for other in others)


def _pixels(picture: Image.Image) -> Tensor:
    """The pixels as uint8 (c, h, w)."""
    values = torch.from_numpy(np.array(picture))
    return values[None] if values.ndim == 2 else values.permute(2, 0, 1).contiguous()
