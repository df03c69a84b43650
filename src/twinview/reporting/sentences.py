"""Examples on the page: pictures, plots of series, or the sentences of texts."""

from dataclasses import replace

from twinview.data.splits import Prepared

_LONGEST = 300  # letters of a sentence on the page


def sentences(prepared: Prepared) -> dict[int, str] | None:
    """What the page calls each example, by id: its text; None where it is shown."""
    found: dict[int, str] = {}
    for split in prepared.splits.values():
        words = prepared.modality.words(split.inputs, prepared.statistics)
        if words is None:
            return None
        found |= dict(zip(split.ids.tolist(), map(_cut, words), strict=True))
    return found


def drawn(prepared: Prepared) -> Prepared:
    """The same examples with a picture of each, for the parts of the page that show pictures."""
    modality, statistics = prepared.modality, prepared.statistics
    parts = {
        name: replace(part, inputs=modality.drawn(part.inputs, statistics))
        for name, part in prepared.splits.items()
    }
    return replace(prepared, splits=parts)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
