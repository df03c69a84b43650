"""A picture of augmented views beside their originals; look at it first when nothing is learnt."""

import torch
from PIL import Image as Picture

from twinview.data.splits import Prepared
from twinview.reporting.pictures import tile, written
from twinview.views.plan import Renderer

ROWS, VIEWS = 10, 10
_TEXT_VIEWS = 4  # of each text


def views_picture(prepared: Prepared, render: Renderer, count: int) -> Picture.Image:
    """A row for each of some train examples: the original, then its views from number 0 on.

    Of texts, each stands in a row of its own.

    count: the number of views that an example can have, which is limited by a cache.
    """
    shown, split = min(VIEWS, count), prepared.splits["train"]
    examples = split.take(torch.linspace(0, len(split) - 1, ROWS).long())
    numbers = [torch.full_like(examples.ids, view) for view in range(shown)]
    views = [render(examples.inputs, examples.ids, number) for number in numbers]
    parts = [examples.inputs, *views]
    words = [prepared.modality.words(part, prepared.statistics) for part in parts]
    if words[0] is not None:
        return written(_lines([part or [] for part in words]))
    modality, statistics = prepared.modality, prepared.statistics
    pictures = [modality.drawn(part, statistics) for part in parts]
    return tile(torch.stack(pictures, dim=1).flatten(0, 1), shown + 1)


def _lines(words: list[list[str]]) -> list[str]:
    """Each original with some of its views below it, and an empty line."""
    lines = []
    for original, *views in zip(*words, strict=True):
        lines += [original, *(f"    {view}" for view in views[:_TEXT_VIEWS]), ""]
    return lines
