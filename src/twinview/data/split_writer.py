"""The files of the checked splits, which splits.load reads."""

import dataclasses
from pathlib import Path
from typing import get_args

from torch import Tensor

from twinview.core import files
from twinview.core.tensor_files import Blocks, save_tensors, write_tensors
from twinview.core.types import Split
from twinview.data.splits import INDEX, LABELS, NAMES, PAIRS, LabelUse, Prepared, unlabelled

_ROWS = 1024  # that are written at a time


def save(folder: Path, prepared: Prepared) -> None:
    """Writes the splits, labels and index; the folder appears when all is written."""
    with files.atomic_folder(folder) as temporary:
        for name, split in prepared.splits.items():
            save_split(temporary, name, split)
        save_index(temporary, prepared)
        save_labels(temporary, prepared)


def save_split(folder: Path, name: str, split: Split) -> None:
    """Writes the inputs, ids and groups of a split, which may be larger than the memory."""
    inputs = Blocks(tuple(split.inputs.shape), split.inputs.dtype, split.inputs.split(_ROWS))
    write_split(folder, name, inputs, split.ids, split.groups)


def write_split(
    folder: Path, name: str, inputs: Blocks, ids: Tensor, groups: Tensor | None
) -> None:
    """Writes a split whose inputs come block by block; splits.load_split reads it."""
    columns = {"ids": ids} | ({} if groups is None else {"groups": groups})
    tensors = {n: Blocks(tuple(t.shape), t.dtype, [t]) for n, t in columns.items()}
    write_tensors(folder / f"{name}.safetensors", {"inputs": inputs, **tensors})


def save_index(folder: Path, prepared: Prepared) -> None:
    """Writes what the splits have in common, but for their labels."""
    index = {
        "modality": prepared.modality_name,
        "statistics": dataclasses.asdict(prepared.statistics),
        "reading": dataclasses.asdict(prepared.reading),
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
