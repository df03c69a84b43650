"""Cutout (DeVries & Taylor, arXiv 1708.04552): a square of each picture is hidden."""

from typing import Annotated

import torch
from annotated_types import Ge, Le
from torch import Tensor

from twinview.core import declare
from twinview.core.randomness import Draws
from twinview.settings.ranges import Share


def cutout(x: Tensor, draws: Draws, *, size: Share, fill: Annotated[float, Ge(0), Le(1)]) -> Tensor:
    """Pictures with one square filled; its middle is any pixel, so parts may fall outside.

    x: (n, c, h, w) in [0, 1]. size: the square's share of the shorter side (at least one pixel).
    The paper's squares on 32 pixels: CIFAR-10 16 (.5), CIFAR-100 8 (.25), SVHN 20 (.625); its fill
    is 0 after standardising, which here is the data's mean.
    """
    h, w = x.shape[2:]
    side = max(1, round(size * min(h, w)))
    rows = _covered(h, side, draws).unsqueeze(-1)
    columns = _covered(w, side, draws).unsqueeze(-2)
    return x.masked_fill((rows & columns).unsqueeze(1), fill)


DECLARES = declare.Augmentation(modality="image")


def _covered(length: int, side: int, draws: Draws) -> Tensor:
    """(n, length) bool: the `side` neighbours of a random middle."""
    first = draws.uniform(1, high=length).floor() - side // 2
    places = torch.arange(length, device=first.device)
    return (places >= first) & (places < first + side)
