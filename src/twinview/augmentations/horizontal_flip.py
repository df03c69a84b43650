"""Horizontal flip: left and right are exchanged."""

from torch import Tensor

from twinview.core import declare
from twinview.core.randomness import Draws


def horizontal_flip(x: Tensor, draws: Draws) -> Tensor:
    """The mirrored pictures; flipping twice gives the pictures back.

    x: (n, c, h, w) in [0, 1]. It draws no random numbers. SimCLR applies it to half of the
    pictures.
    """
    return x.flip(-1)


DECLARES = declare.Augmentation(
    modality="image",
    opts_out={"draws": "a function of the picture; the chain draws who is flipped"},
)
