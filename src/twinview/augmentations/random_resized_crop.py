"""Random resized crop (Szegedy et al., arXiv 1409.4842): a window, resized to the full size."""

from torch import Tensor

from twinview.core import declare
from twinview.core.randomness import Draws
from twinview.pictures.warp import crop
from twinview.settings.ranges import PositiveRange, ShareRange


def random_resized_crop(
    x: Tensor, draws: Draws, *, scale: ShareRange, ratio: PositiveRange
) -> Tensor:
    """Windows of the pictures, each resized to the full size by bilinear interpolation.

    Parameters
    ----------
    x : (n, c, h, w) in [0, 1].
    draws : the random numbers of the n pictures.
    scale : the range of the window's share of the area; it is uniform in the range. SimCLR: (.08,
        1).
    ratio : the range of the window's width over its height, in pixels; its logarithm is uniform.
        Where
        such a window does not fit into the picture, it gets the nearest ratio that fits. SimCLR:
        (3/4, 4/3).
    """
    return crop(x, draws.uniform(4), scale, ratio, min(x.shape[2:]))


DECLARES = declare.Augmentation(
    modality="image",
    opts_out={"range of ratio": "ever wider ends in the ratio that fits"},
)
