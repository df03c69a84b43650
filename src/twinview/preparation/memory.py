"""A source of examples in memory, divided into splits."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from twinview.core.types import Source
from twinview.data import source_splits, split_writer
from twinview.preparation import examples
from twinview.preparation.division import Divided, Places, place_examples
from twinview.settings.sections import Data


def prepare_source(source: Source, options: Data, folder: Path, *, stratified: bool) -> Divided:
    """The splits of a source, which are written into a folder.

    Parameters
    ----------
    source : the rows.
    options : the section data of params.yaml.
    folder : gets the files of the splits.
    stratified : whether the splits have all classes in proportion; else labels do not count.

    Raises
    ------
    ConfigError : the source has fewer rows than the splits want.
    DataError : the modality cannot store the inputs, or ids, groups and splits contradict.
    """
    columns, parts = source_splits.columns(source), source_splits.parts_of(source)
    starts = np.cumsum([0, *(len(part) for part in parts)])

    def read(rows: np.ndarray) -> np.ndarray:
        taken = [
            part.inputs[
                torch.from_numpy(rows[(rows >= start) & (rows < start + len(part))] - start)
            ]
            for part, start in zip(parts, starts[:-1], strict=True)
        ]
        return torch.cat(taken).numpy()  # the rows ascend, and so do the parts

    are_pictures = options.modality == "image"
    places = place_examples(
        columns, read, options, stratified=stratified, are_pictures=are_pictures
    )
    prepared = source_splits.prepare(source, places.splits)
    for name, split in prepared.splits.items():
        split_writer.save_split(folder, name, split)
    table = examples.columns(_rows(source, columns, places, options.source))
    return Divided(prepared, table, (*source.notes, *_unscaled(source, options), *places.notes))


def _unscaled(source: Source, options: Data) -> list[str]:
    """A sentence where data.size and data.channels say another shape than the pictures have."""
    shape = tuple(source.fit.inputs.shape[1:])
    wished = (options.channels, options.size, options.size)
    if options.modality != "image" or shape == wished:
        return []
    found, other = (" x ".join(map(str, sides)) for sides in (shape, wished))
    return [
        f"the pictures of {options.source} stay {found} as they are; data.channels and data.size "
        f"({other}) scale picture files only"
    ]


def _rows(
    source: Source, columns: source_splits.Columns, places: Places, name: str
) -> Iterator[dict[str, Any]]:
    """The rows of the table of examples. name: the source's."""
    shape = source.fit.inputs.shape
    size = {"width": shape[3], "height": shape[2]} if len(shape) == 4 else {}
    for row, row_id in enumerate(columns.ids):
        label = columns.labels[row] if columns.labels else None
        yield {
            "id": row_id,
            "origin": source.origins[row] if source.origins else f"{name}[{row_id}]",
            "label": source.classes[label] if isinstance(label, int) else None,
            "group": columns.groups[row] if columns.groups else None,
            **size,
            **places.fates[row],
        }
