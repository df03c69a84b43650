"""The files of the checked splits, which splits.load reads."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from twinview.core import files
from twinview.core.tensor_files import save_tensors
from twinview.data.examples import save_examples
from twinview.data.splits import INDEX, LABELS, NAMES, PAIRS, LabelUse, Prepared, unlabelled

EXAMPLES = "examples.parquet"


def save(
    folder: Path, prepared: Prepared, table: Mapping[str, Sequence[Any]] | None = None
) -> None:
    """Writes the splits and their index; the folder appears when all is written.

    table: the columns of the table of examples; None: there is no such table.
    """
    with files.atomic_folder(folder) as temporary:
        for name, split in prepared.splits.items():
            tensors = {"inputs": split.inputs, "ids": split.ids}
            tensors |= {} if split.groups is None else {"groups": split.groups}
            save_tensors(temporary / f"{name}.safetensors", tensors)
        save_index(temporary, prepared)
        save_labels(temporary, prepared)
        if table is not None:
            save_examples(temporary / EXAMPLES, table)


def save_index(folder: Path, prepared: Prepared) -> None:
    """Writes what the splits have in common, but for their labels."""
    index = {
        "modality": prepared.modality_name,
        "statistics": dataclasses.asdict(prepared.statistics),
        "reading": dict(prepared.reading),
        "rows": {name: len(split) for name, split in prepared.splits.items()},
    }
    files.save_json(folder / INDEX, index)


def save_labels(folder: Path, prepared: Prepared) -> None:
    """Writes the labels, and beside them what a training gets that uses none."""
    used, unused = (folder / LABELS / use for use in get_args(LabelUse))
    for place in (used, unused):
        place.mkdir(parents=True)
    for name, split in prepared.splits.items():
        if split.labels is not None:
            save_tensors(used / f"{name}.safetensors", {"labels": split.labels})
    if prepared.pairs:
        save_tensors(used / PAIRS, vars(prepared.pairs))
    # `twinview check` reads it, which loads no tensors.
    lacking = unlabelled(prepared.splits)
    files.save_json(used / INDEX, {"classes": list(prepared.classes), "unlabelled": lacking})
    files.save_json(unused / INDEX, {"classes": [], "unlabelled": list(NAMES)})
