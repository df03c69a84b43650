"""Augmented views beside their originals: the first thing to look at when nothing is learnt."""

import torch
from PIL import Image as Picture

from twinview.core.types import Split
from twinview.reporting.pictures import tile
from twinview.views.plan import Renderer

ROWS, VIEWS = 10, 10


def views_picture(split: Split, render: Renderer, count: int) -> Picture.Image:
    """A row an example, spread over the split: the original first, then its views from number 0.

    count: how many views an example has at most; a cache holds so many, and the picture no others.
    """
    shown = min(VIEWS, count)
    part = split.take(torch.linspace(0, len(split) - 1, ROWS).long())
    numbers = [torch.full_like(part.ids, view) for view in range(shown)]
    views = [render(part.inputs, part.ids, number) for number in numbers]
    return tile(torch.stack([part.inputs, *views], dim=1).flatten(0, 1), shown + 1)
