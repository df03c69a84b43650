"""What the data contains: counts, statistics, duplicates, and a picture of some examples."""

import os
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image as Picture
from torch import Tensor

from twinview.core import declare, paths
from twinview.core.types import Split, labelled_rows
from twinview.data.splits import Prepared
from twinview.reporting.pictures import tile, written

ROW = 12
UNLABELLED_ROWS = 8
MOST_CLASSES = 40


def called_by(declared: declare.Source, name: str, options: Mapping[str, Any]) -> str:
    """What the data are called: the source, and the name of the folder or file that it reads.

    Only the last part of a path counts, since reports go where the folders above are not known.
    """
    if declared.called_by is None:
        return name
    place = paths.root() / options[declared.called_by]
    return f"{name} {Path(os.path.normpath(place)).name}"


def data_card(prepared: Prepared, source: str) -> dict[str, Any]:
    """The counts in all and by class, the shape, the statistics of train."""
    train = prepared.splits["train"].inputs
    return {
        "source": source,
        "modality": prepared.modality_name,
        "shape": list(prepared.shape),
        "dtype": str(train.dtype).removeprefix("torch."),
        "statistics": prepared.modality.describe(prepared.statistics),
        "splits": {name: _counts(prepared, name) for name in prepared.splits},
    }


def describe_examples(table: Mapping[str, Sequence[Any]], notes: Sequence[str]) -> dict[str, Any]:
    """For the card: the number of all examples, those left out by reason, and sentences on them.

    Parameters
    ----------
    table : the columns of the table of examples.
    notes : sentences on labels, groups and the division into splits.
    """
    reasons = Counter(reason for reason in table["reason"] if reason is not None)
    return {
        "examples": len(table["id"]),
        "left_out": dict(reasons.most_common()),
        "notes": list(notes),
    }


def duplicates(table: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    """The used inputs that occur more than once, byte for byte, in a split and across splits.

    table: as of describe_examples; its copy_of says which inputs are copies.
    """
    owners: dict[int, list[tuple[str, int]]] = defaultdict(list)
    for row_id, split, of in zip(table["id"], table["split"], table["copy_of"], strict=True):
        if split is not None:
            owners[row_id if of is None else of].append((split, row_id))
    groups = [group for group in owners.values() if len(group) > 1]
    across = [group for group in groups if len({name for name, _ in group}) > 1]
    return {
        "groups": len(groups),
        "groups_across_splits": len(across),
        "examples": [[f"{name}:{row_id}" for name, row_id in group] for group in groups[:20]],
    }


def contact_sheet(prepared: Prepared) -> Picture.Image:
    """A row of train examples for each of the first classes, blank beyond its last example.

    Without labels, rows of the first examples. Of texts, a row has one example.
    """
    train = prepared.splits["train"]
    classes = _classes(train)[:MOST_CLASSES]
    if (lines := _lines(prepared, train, classes)) is not None:
        return written(lines)
    modality, statistics = prepared.modality, prepared.statistics
    if train.labels is None or not len(classes):
        return tile(modality.drawn(train.inputs[: ROW * UNLABELLED_ROWS], statistics), ROW)
    rows = [(train.labels == label).nonzero().squeeze(1)[:ROW] for label in classes]
    width = max(map(len, rows))
    pictures = modality.drawn(train.inputs[torch.cat(rows)], statistics).split(list(map(len, rows)))
    shown = pictures[0].new_full((len(rows), width, *pictures[0].shape[1:]), 255)
    for blank, row in zip(shown, pictures, strict=True):
        blank[: len(row)] = row
    return tile(shown.flatten(0, 1), width)


def _lines(prepared: Prepared, train: Split, classes: Tensor) -> list[str] | None:
    """The first text of each class, or the first texts; None for what is shown."""
    if train.labels is None or not len(classes):
        return prepared.modality.words(train.inputs[:MOST_CLASSES], prepared.statistics)
    firsts = torch.stack([(train.labels == label).nonzero()[0, 0] for label in classes])
    words = prepared.modality.words(train.inputs[firsts], prepared.statistics)
    if words is None:
        return None
    labelled = zip(classes.tolist(), words, strict=True)
    return [f"{prepared.classes[label]}: {text}" for label, text in labelled]


def describe_sheet(prepared: Prepared) -> tuple[str, ...]:
    """A sentence on the classes that the contact sheet does not show, if there are any."""
    count = len(_classes(prepared.splits["train"]))
    if count <= MOST_CLASSES:
        return ()
    return (f"{paths.CONTACT_SHEET} shows the first {MOST_CLASSES} of {count:,} classes of train",)


def _classes(split: Split) -> Tensor:
    """The labels that occur in a split, in ascending order."""
    if split.labels is None:
        return torch.tensor([], dtype=torch.long)
    classes: Tensor = split.labels[labelled_rows(split.labels)].unique()
    return classes


def _counts(prepared: Prepared, name: str) -> dict[str, Any]:
    split = prepared.splits[name]
    if split.labels is None:
        return {"examples": len(split)}
    known = split.labels[labelled_rows(split.labels)]
    counts = torch.bincount(known, minlength=len(prepared.classes)).tolist()
    card: dict[str, Any] = {"examples": len(split)}
    card |= {"labelled": len(known)} if len(known) < len(split) else {}
    return card | {"classes": dict(zip(prepared.classes, counts, strict=True))}
