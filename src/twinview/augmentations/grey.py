"""Grey: colour pictures without their colour."""

from torch import Tensor

from twinview.core.randomness import Draws
from twinview.pictures.colour import luma


def grey(x: Tensor, draws: Draws) -> Tensor:
    """Pictures whose channels all equal their luma; one channel comes back as it is.

    x: (n, c, h, w) in [0, 1]. Draws nothing. SimCLR: for a fifth of the pictures.
    """
    return luma(x).expand_as(x).contiguous()
