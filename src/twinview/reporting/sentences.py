"""Texts on the page: each stands as its sentence, where a picture would stand."""

from dataclasses import replace

import torch

from twinview.data.splits import Prepared

_LONGEST = 300  # letters of a sentence on the page


def sentences(prepared: Prepared) -> dict[int, str] | None:
    """What the page calls each example, by id: its text; None where inputs are pictures."""
    found: dict[int, str] = {}
    for split in prepared.splits.values():
        words = prepared.modality.words(split.inputs, prepared.statistics)
        if words is None:
            return None
        found |= dict(zip(split.ids.tolist(), map(_cut, words), strict=True))
    return found


def blank(prepared: Prepared) -> Prepared:
    """The same examples with a white pixel each, for the parts of the page that show pictures."""
    parts = {
        name: replace(part, inputs=torch.full((len(part), 1, 1, 1), 255, dtype=torch.uint8))
        for name, part in prepared.splits.items()
    }
    return replace(prepared, splits=parts)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
