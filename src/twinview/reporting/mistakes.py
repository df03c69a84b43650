"""Pictures of what probes got wrong, by cell of the confusion matrix."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from twinview.core.types import Split
from twinview.reporting.inline import data_uri, sprite, thumbnails

_COLUMNS = 50
_EACH = 24  # pictures of one cell
_ALL = 1500  # pictures in all: they share the page's 10 MB with the map


def mistakes(
    test: Split, truth: Sequence[int], said: Mapping[str, Sequence[int]]
) -> tuple[dict[str, Any], str]:
    """What the script reads, and the pictures as one data URI.

    truth, said: labels of the test rows, those said by probe. Cells are keyed "probe/true/said";
    each has the first few of its rows, as places in the sprite.
    """
    cells: dict[str, list[int]] = defaultdict(list)
    for probe, labels in said.items():
        for row, (actual, label) in enumerate(zip(truth, labels, strict=True)):
            if actual != label:
                cells[f"{probe}/{actual}/{label}"].append(row)
    rows = _shown(list(cells.values()))
    place = {row: number for number, row in enumerate(rows)}
    part = thumbnails(test.inputs[rows or [0]])
    height, width = part.shape[2:]
    data = {
        "columns": _COLUMNS,
        "width": width,
        "height": height,
        "ids": test.ids[rows].tolist(),
        "cells": {cell: _places(own, place) for cell, own in cells.items()},
    }
    return data, data_uri(sprite(part, _COLUMNS))


def _shown(cells: Sequence[Sequence[int]]) -> list[int]:
    """The rows of which there are pictures: the first of every cell, the second, and so on."""
    largest_first = sorted(cells, key=len, reverse=True)
    turns = (own[n] for n in range(_EACH) for own in largest_first if n < len(own))
    return list(dict.fromkeys(turns))[:_ALL]


def _places(rows: Sequence[int], place: Mapping[int, int]) -> list[int]:
    return [place[row] for row in rows[:_EACH] if row in place]
