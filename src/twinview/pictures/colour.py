"""Arithmetic that the colour augmentations share."""

from torch import Tensor

from twinview.core.randomness import Draws

# The luma of ITU-R BT.601, as in PIL. torchvision's red (.2989) makes white a little grey.
LUMA = (0.299, 0.587, 0.114)


def random_factors(draws: Draws, strength: float) -> Tensor:
    """One factor for each picture, uniform in [1 - strength, 1 + strength]: (n, 1, 1, 1)."""
    return draws.uniform(1, 1, 1, low=1 - strength, high=1 + strength)


def blend(x: Tensor, other: Tensor, factor: Tensor) -> Tensor:
    """x * factor + other * (1 - factor), clamped to [0, 1]."""
    return (x * factor).add_(other * (1 - factor)).clamp_(0, 1)


def luma(x: Tensor) -> Tensor:
    """The luma of colour pictures, (n, 1, h, w); grey pictures are returned as they are."""
    if x.shape[1] == 1:
        return x
    red, green, blue = x.chunk(3, dim=1)
    return (LUMA[0] * red).add_(green, alpha=LUMA[1]).add_(blue, alpha=LUMA[2])
