"""A picture of augmented views beside their originals; look at it first when nothing is learnt."""

import torch
from PIL import Image as Picture

from twinview.core.types import Split
from twinview.reporting.pictures import tile
from twinview.views.plan import Renderer

ROWS, VIEWS = 10, 10


def views_picture(split: Split, render: Renderer, count: int) -> Picture.Image:
    """A row for each of some examples: the original, then its views from number 0 on.

    count: the number of views that an example can have, which is limited by a cache.
    """
    shown = min(VIEWS, count)
    examples = split.take(torch.linspace(0, len(split) - 1, ROWS).long())
    numbers = [torch.full_like(examples.ids, view) for view in range(shown)]
    views = [render(examples.inputs, examples.ids, number) for number in numbers]
    return tile(torch.stack([examples.inputs, *views], dim=1).flatten(0, 1), shown + 1)
