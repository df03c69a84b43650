"""Random resized crop (Szegedy et al., arXiv 1409.4842): a random window, resized to the whole."""

from torch import Tensor

from twinview.core import declare
from twinview.core.randomness import Draws
from twinview.pictures.warp import crop
from twinview.settings.ranges import PositiveRange, ShareRange


def random_resized_crop(
    x: Tensor, draws: Draws, *, scale: ShareRange, ratio: PositiveRange
) -> Tensor:
    """Windows of the pictures, each resized to the whole size by bilinear interpolation.

    x: (n, c, h, w) in [0, 1]. scale: the window's share of the area, uniform between the two.
    ratio: its width over height in pixels, log-uniform between the two; where such a window would
    leave the picture, the nearest ratio that fits. SimCLR: scale (.08, 1), ratio (3/4, 4/3).
    """
    return crop(x, draws.uniform(4), scale, ratio, min(x.shape[2:]))


DECLARES = declare.Augmentation(
    modality="image",
    opts_out={"range of ratio": "ever wider ends in the ratio that fits"},
)
