"""PPM and PGM files of more than 8 bits a channel.

Pillow rounds the colours of such files to 8 bits, and takes half a minute for a large one. Here
the high byte counts, as in all other formats.
"""

import re
from typing import IO

import numpy as np
from PIL import Image, PpmImagePlugin

_COMMENT = re.compile(rb"#[^\r\n]*")


def high_bytes(picture: PpmImagePlugin.PpmImageFile, file: IO[bytes]) -> Image.Image | None:
    """The high byte of each value scaled to 0..65535, or None for a file of at most 8 bits.

    Parameters
    ----------
    picture : as Pillow opened it, not yet loaded.
    file : the file itself.
    """
    [tile] = picture.tile
    args = tile.args
    largest = 65535 if args == "I;16B" else args[-1] if isinstance(args, tuple) else 255
    if largest < 256:
        return None
    channels = 3 if picture.mode == "RGB" else 1
    count = picture.width * picture.height * channels
    assert tile.offset is not None
    file.seek(tile.offset)
    values = _plain(file, count) if tile.codec_name == "ppm_plain" else _binary(file, count)
    if len(values) < count:
        raise OSError("image file is truncated")
    scaled = np.rint(np.minimum(values, largest).astype(np.float64) * 65535 / largest)
    high = (scaled.astype(np.uint16) >> 8).astype(np.uint8)
    shape = (picture.height, picture.width, channels)
    return Image.fromarray(high.reshape(shape[:2] if channels == 1 else shape))


def _binary(file: IO[bytes], count: int) -> np.ndarray:
    return np.frombuffer(file.read(2 * count), ">u2")


def _plain(file: IO[bytes], count: int) -> np.ndarray:
    tokens = _COMMENT.sub(b" ", file.read()).split()[:count]
    return np.fromiter((int(token) for token in tokens), np.int64, len(tokens))
