"""Grey: colour pictures without their colour."""

from torch import Tensor

from twinview.core import declare
from twinview.core.randomness import Draws
from twinview.pictures.colour import luma


def grey(x: Tensor, draws: Draws) -> Tensor:
    """Pictures whose channels all equal their luma; those of one channel do not change.

    x: (n, c, h, w) in [0, 1]. It draws no random numbers. SimCLR applies it to a fifth of the
    pictures.
    """
    return luma(x).expand_as(x).contiguous()


DECLARES = declare.Augmentation(
    modality="image",
    needs_colour=True,
    opts_out={"draws": "a function of the picture"},
)
