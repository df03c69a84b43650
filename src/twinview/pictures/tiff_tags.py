"""What the tags of a TIFF say about its values; Pillow reads some kinds wrongly, and some not."""

from dataclasses import dataclass
from typing import IO

from PIL import TiffImagePlugin

from twinview.pictures.unreadable import UnreadableError

_SUBFILE, _BITS, _COMPRESSION, _PHOTOMETRIC = 254, 258, 259, 262
_SAMPLES, _PLANES, _FORMAT = 277, 284, 339
_RAW_SENSOR = (32803, 34892)  # the values of _PHOTOMETRIC in camera raws
_CIELAB = (8, 9, 10)
_SIGNED, _FLOATING = 2, 3


@dataclass(frozen=True)
class TiffTags:
    """The tags of the first picture.

    bits: of each channel. white_is_zero: large values are dark.
    """

    bits: int
    channels: int
    white_is_zero: bool

    def as_text(self) -> str:
        """The values in words."""
        return f"{self.channels} channels of {self.bits} bits"


def read_tags(file: IO[bytes]) -> TiffTags:
    """The tags of a TIFF's first picture.

    Raises UnreadableError when its values are no unsigned numbers of up to 16 bits, no colours of a
    screen, or when it is a preview only.
    """
    tags = _first_tags(file)
    bits, formats = max(tags.get(_BITS, (1,))), tags.get(_FORMAT, (1,))
    channels, photometric = tags.get(_SAMPLES, 1), tags.get(_PHOTOMETRIC, 0)
    preview = tags.get(_SUBFILE, 0) & 1 or photometric in _RAW_SENSOR
    apart = channels > 1 and tags.get(_PLANES) == 2 and tags.get(_COMPRESSION) == 1
    faults = (
        (preview, "camera raw", "holds a small preview first, as camera raws do"),
        (_FLOATING in formats, "floating-point values", f"has {bits}-bit floating-point values"),
        (_SIGNED in formats, "signed values", f"has signed values of {bits} bits"),
        (bits > 16, f"{bits} bits a channel", f"has {bits} bits a channel"),
        (photometric in _CIELAB, "CIELAB colours", "has CIELAB colours"),
        (apart and bits > 8, "16 bits in planes", "has 16-bit channels apart, which Pillow mixes"),
    )
    for fault, reason, problem in faults:
        if fault:
            raise UnreadableError(reason, f"{problem}; save it as PNG of 8 or 16 bits")
    return TiffTags(bits, channels, photometric == 0)


def _first_tags(file: IO[bytes]) -> TiffImagePlugin.ImageFileDirectory_v2:
    file.seek(0)
    head = file.read(8)
    big = head[2] == 43
    tags = TiffImagePlugin.ImageFileDirectory_v2(head + file.read(8 if big else 0))
    file.seek(tags.next)
    tags.load(file)
    file.seek(0)
    return tags
