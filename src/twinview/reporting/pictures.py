"""PIL pictures of stored image tensors."""

import torch
from PIL import Image as Picture
from torch import Tensor

_GAP = 2
_SCALE = 2


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
