"""HEIC pictures, the photos of most phones, which Pillow reads with the extra `heic` only.

The extra is pillow-heif and not its decoder-only sister pi-heif: that one has ended (1.4.0), and
holds a libheif whose faults of memory were mended later. pillow-heif's code is BSD-3, but its
wheels hold the x265 encoder, which is GPL-2. So it is an extra, which a user chooses to install.
"""

from typing import IO

from PIL import Image

from twinview.pictures.unreadable import UnreadableError


def open_heic(file: IO[bytes]) -> Image.Image:
    """The main picture of a HEIC file. Raises UnreadableError when the extra is not installed."""
    try:
        import pillow_heif
    except ImportError:
        message = "is HEIC; pip install 'twinview[heic]' to read it, or save it as JPEG"
        raise UnreadableError("HEIC without the extra twinview[heic]", message) from None
    pillow_heif.register_heif_opener()  # again and again is harmless
    return Image.open(file, formats=("HEIF",))
