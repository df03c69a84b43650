"""Picture files decoded: upright, 8 bits a channel, without transparency, in their own size."""

import warnings
from dataclasses import dataclass
from typing import IO

import numpy as np
from PIL import ExifTags, Image, JpegImagePlugin, PpmImagePlugin, UnidentifiedImageError

from twinview.core.reading import Reading
from twinview.pictures import heic, kinds, netpbm, png_chunks, tiff_tags
from twinview.pictures.tiff_tags import TiffTags
from twinview.pictures.unreadable import FAULTS, UnreadableError, most_pixels

# What may be done to stored values, in this order.
CONVERSIONS = ("first_frame", "reduced", "high_byte", "turned", "laid_on_background")

_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "AVIF")
_REFUSED_MODES = {"F": "floating-point values", "I": "32 bits a channel", "LAB": "CIELAB colours"}
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SWAP_SIDES = (5, 6, 7, 8)  # the orientations whose stored width is the upright height


@dataclass(frozen=True)
class Decoded:
    """A decoded file.

    picture: of a mode that Pillow converts to L and RGB. kind: one of kinds. size: the upright
    picture's (height, width) in the file. conversions: those of CONVERSIONS that were made.
    """

    picture: Image.Image
    kind: str
    size: tuple[int, int]
    conversions: tuple[str, ...]


def decode(file: IO[bytes], size: tuple[int, int], reading: Reading) -> Decoded:
    """The picture of a file.

    Parameters
    ----------
    file : can be read from its start.
    size : the (height, width) that are wanted; JPEGs are reduced to no less.
    reading : the choices.

    Raises
    ------
    UnreadableError, or what Pillow raises for broken files: see unreadable.pillow_errors_reported.
    """
    head = file.read(kinds.HEAD_BYTES)
    kind = kinds.kind_of(head)
    tags = tiff_tags.read_tags(file) if kind == "TIFF" else None
    picture = _open(file, kind, tags)
    stored = picture.size
    reduced = reading.jpeg_margin > 0 and _reduce(picture, size, reading.jpeg_margin)
    _require_room(picture, stored)
    shallow, deep = _eight_bits(picture, file, head, tags)
    turn = _orientation(shallow)
    upright = shallow if turn not in _TURNS else shallow.transpose(_TURNS[turn])
    transparent = upright.has_transparency_data
    conversions = {
        "first_frame": _has_frames(picture, file),
        "reduced": reduced,
        "high_byte": deep,
        "turned": turn in _TURNS,
        "laid_on_background": transparent,
    }
    return Decoded(
        _on_background(upright, reading.background) if transparent else upright,
        kind or str(picture.format),
        stored if turn in _SWAP_SIDES else stored[::-1],
        tuple(name for name in CONVERSIONS if conversions[name]),
    )


def _open(file: IO[bytes], kind: str, tags: TiffTags | None) -> Image.Image:
    """The picture as Pillow opens it; its pixels are not read yet."""
    file.seek(0)
    try:
        if kind == "HEIC":
            return heic.open_heic(file)
        if kind == "JPEG":  # Image.open refuses by the pixels before the reduction
            return JpegImagePlugin.jpeg_factory(file)
        return Image.open(png_chunks.without_metadata(file), formats=_FORMATS)
    except UnidentifiedImageError:
        raise _unidentified(file, kind, tags) from None


def _unidentified(file: IO[bytes], kind: str, tags: TiffTags | None) -> UnreadableError:
    remedy = f"save it as {kinds.FORMATS}"
    if tags is not None:
        what = tags.as_text()
        return UnreadableError(
            f"TIFF of {what}", f"is a TIFF of {what}, which Pillow cannot read; {remedy}"
        )
    if kinds.is_read(kind):
        return UnreadableError("broken", f"is broken (it begins as {kind} does); {remedy}")
    if kind:
        return UnreadableError(kind, f"is {kind}, which is not read; {remedy}")
    if file.seek(0, 2) == 0:
        return UnreadableError("empty", "is empty (0 bytes); copy it anew")
    return UnreadableError("no picture", f"is no picture that can be read; {remedy}")


def _reduce(picture: Image.Image, size: tuple[int, int], margin: int) -> bool:
    """Whether the pixels of a JPEG will be decoded at a part of its sides."""
    if not isinstance(picture, JpegImagePlugin.JpegImageFile):
        return False
    before = picture.size
    with warnings.catch_warnings(action="ignore"):  # it is told when the picture is turned
        height, width = size[::-1] if _orientation(picture) in _SWAP_SIDES else size
    picture.draft(None, (margin * width, margin * height))
    return picture.size != before


def _require_room(picture: Image.Image, stored: tuple[int, int]) -> None:
    """Raises DecompressionBombError for more pixels than Pillow's limit.

    Those count that have to be in memory at once: of a progressive JPEG all, else the reduced ones.
    """
    width, height = stored if "progressive" in picture.info else picture.size
    if 0 < most_pixels() < width * height:
        raise Image.DecompressionBombError


def _eight_bits(
    picture: Image.Image, file: IO[bytes], head: bytes, tags: TiffTags | None
) -> tuple[Image.Image, bool]:
    """The loaded picture with 8 bits a channel, and whether it has more in the file."""
    if isinstance(picture, PpmImagePlugin.PpmImageFile):
        high = netpbm.high_bytes(picture, file)
        if high is not None:
            return high, True
    picture.load()
    if picture.mode in _REFUSED_MODES:
        what = _REFUSED_MODES[picture.mode]
        raise UnreadableError(what, f"has {what}; save it as PNG of 8 or 16 bits")
    bits = tags.bits if tags else head[24] if picture.format == "PNG" else 8
    if not picture.mode.startswith("I;16"):  # Pillow takes the high bytes of colours itself
        return picture, bits > 8
    values = (np.asarray(picture) >> (bits - 8)).astype(np.uint8)
    high = Image.fromarray(~values if tags and tags.white_is_zero else values)
    high.info = picture.info
    return high, True


def _orientation(picture: Image.Image) -> int:
    """The orientation that the EXIF data state, or 1 where these cannot be read."""
    try:
        # getexif does not raise when it was called before.
        Image.Exif().load(picture.info.get("exif", b""))
        orientation = picture.getexif().get(ExifTags.Base.Orientation, 1)
        return int(orientation) if orientation in _TURNS else 1
    except FAULTS as error:
        warnings.warn(f"is not turned, for its EXIF data are broken ({error})", stacklevel=2)
        return 1


def _on_background(picture: Image.Image, colour: tuple[int, int, int]) -> Image.Image:
    """The picture with its transparency laid on a colour."""
    straight = picture.convert("LA") if picture.mode == "La" else picture  # its only conversion
    below = Image.new("RGBA", picture.size, (*colour, 255))
    return Image.alpha_composite(below, straight.convert("RGBA"))


def _has_frames(picture: Image.Image, file: IO[bytes]) -> bool:
    """Whether the file holds more than the picture that is read."""
    if picture.format != "GIF":
        return bool(getattr(picture, "is_animated", False))
    try:
        file.seek(0)
        return bool(getattr(Image.open(file, formats=("GIF",)), "is_animated", False))
    except FAULTS:
        return False
