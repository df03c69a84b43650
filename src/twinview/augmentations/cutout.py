"""Cutout (DeVries and Taylor, arXiv 1708.04552): a square of each picture is hidden."""

from typing import Annotated

import torch
from annotated_types import Ge, Le
from torch import Tensor

from twinview.core import declare
from twinview.core.randomness import Draws
from twinview.settings.ranges import Share


def cutout(x: Tensor, draws: Draws, *, size: Share, fill: Annotated[float, Ge(0), Le(1)]) -> Tensor:
    """Pictures with one filled square; its middle is any pixel, so that parts may lie outside.

    Parameters
    ----------
    x : (n, c, h, w) in [0, 1].
    draws : the random numbers of the n pictures.
    size : the square's side as a share of the picture's shorter side; it is at least one pixel.
        The
        paper's squares on 32 pixels: 16 for CIFAR-10 (.5), 8 for CIFAR-100 (.25), 20 for SVHN
        (.625).
    fill : the value in the square. The paper fills with 0 after standardising, which here is the
        mean
        of the data.
    """
    h, w = x.shape[2:]
    side = max(1, round(size * min(h, w)))
    rows = _covered(h, side, draws).unsqueeze(-1)
    columns = _covered(w, side, draws).unsqueeze(-2)
    return x.masked_fill((rows & columns).unsqueeze(1), fill)


DECLARES = declare.Augmentation(modality="image")


def _covered(length: int, side: int, draws: Draws) -> Tensor:
    """Which positions each square covers: (n, length) bool."""
    first = draws.uniform(1, high=length).floor() - side // 2
    positions = torch.arange(length, device=first.device)
    return (positions >= first) & (positions < first + side)
