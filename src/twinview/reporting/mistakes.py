"""The pictures that probes classified wrongly, by cell of the confusion matrix."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from twinview.core.types import NO_LABEL, Split
from twinview.reporting.inline import data_uri, sprite, thumbnails

_COLUMNS = 50  # of the sprite
_MAX_PER_CELL = 24  # pictures
_MAX_PICTURES = 1500  # in all cells; the page, with the map, should stay below 10 MB


def mistakes(
    test: Split,
    labels: Sequence[int],
    predictions: Mapping[str, Sequence[int]],
    names: Sequence[str],
) -> tuple[dict[str, Any], str]:
    """The data for the page's script, and the pictures as one data URI.

    The data has the first few rows of each cell "probe/actual/predicted", as numbers of pictures.

    Parameters
    ----------
    test : the test split.
    labels : of the test rows; one without a label is no mistake.
    predictions : the predicted labels of the test rows, by probe.
    names : what the page calls each test row.
    """
    cells: dict[str, list[int]] = defaultdict(list)
    for probe, predicted_labels in predictions.items():
        for row, (actual, predicted) in enumerate(zip(labels, predicted_labels, strict=True)):
            if actual not in (predicted, NO_LABEL):
                cells[f"{probe}/{actual}/{predicted}"].append(row)
    rows = _select_rows(list(cells.values()))
    number_of = {row: number for number, row in enumerate(rows)}
    pictures = thumbnails(test.inputs[rows or [0]])
    height, width = pictures.shape[2:]
    data = {
        "columns": _COLUMNS,
        "width": width,
        "height": height,
        "names": [names[row] for row in rows],
        "cells": {name: _numbers(cell, number_of) for name, cell in cells.items()},
    }
    return data, data_uri(sprite(pictures, _COLUMNS))


def _select_rows(cells: Sequence[Sequence[int]]) -> list[int]:
    """The rows whose pictures are shown: the first of every cell, then the second, and so on."""
    largest_first = sorted(cells, key=len, reverse=True)
    rows = (cell[n] for n in range(_MAX_PER_CELL) for cell in largest_first if n < len(cell))
    return list(dict.fromkeys(rows))[:_MAX_PICTURES]


def _numbers(rows: Sequence[int], number_of: Mapping[int, int]) -> list[int]:
    return [number_of[row] for row in rows[:_MAX_PER_CELL] if row in number_of]
