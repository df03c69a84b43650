"""Grey: colour pictures without their colour."""

from torch import Tensor

from twinview.core import declare
from twinview.core.randomness import Draws
from twinview.pictures.colour import grey_of


def grey(x: Tensor, draws: Draws) -> Tensor:
    """Pictures whose channels all equal their luma; one channel comes back as it is.

    x: (n, c, h, w) in [0, 1]. Draws nothing. SimCLR: for a fifth of the pictures.
    """
    return grey_of(x).expand_as(x).contiguous()


DECLARES = declare.Augmentation(
    modality="image",
    needs_colour=True,
    opts_out={"draws": "a function of the picture"},
)
