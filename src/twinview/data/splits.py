"""The checked splits of a source, and their files.

Labels lie in a folder of their own, so that a training that reads none does not depend on them.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from twinview.core import declare, files, registry
from twinview.core.errors import ConfigError
from twinview.core.reading import DEFAULT, Reading
from twinview.core.tensor_files import load_tensors
from twinview.core.types import (
    Embeddings,
    Learned,
    Modality,
    Pairs,
    Split,
    labelled_rows,
)

NAMES = ("train", "validation", "test")
INDEX = "index.json"
LABELS = "labels"  # the folder of labels; it has a folder for each of LabelUse
PAIRS = "pairs.safetensors"
LabelUse = Literal["used", "unused"]


@dataclass(frozen=True)
class Prepared:
    """The three splits, and what every later stage must know of them.

    pairs: labelled pairs of train examples, or None. reading: how files became the inputs.
    """

    splits: Mapping[str, Split]
    classes: tuple[str, ...]
    modality_name: str
    statistics: Learned
    pairs: Pairs | None = None
    reading: Reading = DEFAULT

    @property
    def modality(self) -> Modality:
        """The modality that modality_name names."""
        modality: Modality = registry.bind("modalities", self.modality_name, {})()
        return modality

    @property
    def declared_modality(self) -> declare.Modality:
        """What that modality declares."""
        declared = registry.declaration("modalities", self.modality_name)
        assert isinstance(declared, declare.Modality)
        return declared

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one input."""
        return tuple(self.splits["train"].inputs.shape[1:])


def load(folder: Path, names: Sequence[str] = NAMES, labels: LabelUse = "used") -> Prepared:
    """The splits that save wrote. Raises DataError when a file is missing or broken.

    names: the splits to load. labels: unused: there are none, and no pairs.
    """
    index = files.load_json(folder / INDEX)
    splits = {name: load_split(folder, name, labels) for name in names}
    modality: Modality = registry.bind("modalities", index["modality"], {})()
    statistics = modality.learned(index["statistics"])
    pairs_file = folder / LABELS / labels / PAIRS
    pairs = Pairs(**load_tensors(pairs_file)) if pairs_file.is_file() else None
    classes = load_classes(folder, labels)
    reading = Reading.from_json(index["reading"])
    return Prepared(splits, classes, index["modality"], statistics, pairs, reading)


def load_split(folder: Path, name: str, labels: LabelUse = "used") -> Split:
    """One of the splits that save wrote. Raises DataError when its file is missing or broken."""
    if name not in NAMES:
        raise ConfigError(f"there is no split {name!r}; the splits are {', '.join(NAMES)}")
    split, place = load_inputs(folder, name), folder / LABELS / labels
    if name in files.load_json(place / INDEX)["unlabelled"]:
        return split
    numbers = load_tensors(place / f"{name}.safetensors")["labels"]
    return dataclasses.replace(split, labels=numbers)


def load_inputs(folder: Path, name: str) -> Split:
    """A split without its labels."""
    tensors = load_tensors(folder / f"{name}.safetensors")
    return Split(tensors["inputs"], None, tensors["ids"], tensors.get("groups"))


def load_classes(folder: Path, labels: LabelUse = "used") -> tuple[str, ...]:
    """The names of the classes; the inputs are not loaded."""
    return tuple(files.load_json(folder / LABELS / labels / INDEX)["classes"])


def unlabelled(parts: Mapping[str, Split] | Mapping[str, Embeddings]) -> list[str]:
    """The names of the splits in which no example has a label."""
    return [name for name, part in parts.items() if not len(labelled_rows(part.labels))]
