"""PIL pictures of stored image tensors, and of texts."""

from collections.abc import Sequence

import torch
from PIL import Image as Picture
from PIL import ImageDraw, ImageFont
from torch import Tensor

_GAP = 2
_SCALE = 2
_LINE, _LETTERS, _INDENT = 18, 160, 8  # of texts: pixels, letters and pixels of a line


def tile(images: Tensor, columns: int) -> Picture.Image:
    """One picture of images, row by row on white with thin gaps, at twice their size.

    images: uint8 (n, c, h, w) with 1 or 3 channels.
    """
    n, channels, height, width = images.shape
    rows = -(-n // columns)
    sheet = torch.full(
        (channels, rows * (height + _GAP), columns * (width + _GAP)), 255, dtype=torch.uint8
    )
    for number, image in enumerate(images):
        top, left = number // columns * (height + _GAP), number % columns * (width + _GAP)
        sheet[:, top : top + height, left : left + width] = image
    picture = as_picture(sheet)
    return picture.resize(
        (picture.width * _SCALE, picture.height * _SCALE), Picture.Resampling.NEAREST
    )


def as_picture(image: Tensor) -> Picture.Image:
    """The picture of one image uint8 (c, h, w) with 1 or 3 channels."""
    pixels = image.permute(1, 2, 0).squeeze(2) if image.shape[0] == 1 else image.permute(1, 2, 0)
    return Picture.fromarray(pixels.contiguous().numpy())


def written(lines: Sequence[str]) -> Picture.Image:
    """A picture of lines of text, of which long ones are cut."""
    font = ImageFont.load_default(13)
    shown = [line if len(line) <= _LETTERS else f"{line[:_LETTERS]}..." for line in lines]
    width = max(int(font.getlength(line)) for line in shown) + 2 * _INDENT
    picture = Picture.new("L", (width, (len(shown) + 1) * _LINE), 255)
    draw = ImageDraw.Draw(picture)
    for number, line in enumerate(shown):
        draw.text((_INDENT, _INDENT + number * _LINE), line, fill=0, font=font)
    return picture
