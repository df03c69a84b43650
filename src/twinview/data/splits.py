"""The checked splits of a source, and their files."""

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from twinview.core import files, randomness, registry
from twinview.core.errors import ConfigError, DataError
from twinview.core.tensor_files import load_tensors, save_tensors
from twinview.core.types import (
    Embeddings,
    Modality,
    Pairs,
    Source,
    Split,
    Statistics,
    labelled_rows,
)

NAMES = ("train", "validation", "test")
INDEX = "index.json"
PAIRS = "pairs.safetensors"


@dataclass(frozen=True)
class Prepared:
    """The three splits, and what every later stage must know of them.

    pairs: labelled pairs of train examples, or None.
    """

    splits: Mapping[str, Split]
    classes: tuple[str, ...]
    modality_name: str
    statistics: Statistics
    pairs: Pairs | None = None

    @property
    def modality(self) -> Modality:
        """The modality that modality_name names."""
        modality: Modality = registry.bind("modalities", self.modality_name, {})()
        return modality

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one input."""
        return tuple(self.splits["train"].inputs.shape[1:])


def split_source(source: Source, sizes: Mapping[str, int], seed: int) -> Prepared:
    """The splits of a source: train and validation of its rows to fit on, test of the others.

    The splits are stratified by label where there are labels. The statistics are those of the
    train split.

    Parameters
    ----------
    source : the rows.
    sizes : the number of rows of train, validation and test.
    seed : chooses the rows.

    Raises
    ------
    ConfigError : the source has fewer rows.
    DataError : an id occurs twice, or the modality cannot store the inputs.
    """
    _require_rows(source, sizes)
    order = _stratified_order(source.fit, randomness.generator(seed, "split"))
    train, validation = order[: sizes["train"]], order[sizes["train"] :][: sizes["validation"]]
    test = _stratified_order(source.test, randomness.generator(seed, "test"))[: sizes["test"]]
    splits = {
        "train": source.fit.take(train.sort().values),
        "validation": source.fit.take(validation.sort().values),
        "test": source.test.take(test.sort().values),
    }
    ids = torch.cat([split.ids for split in splits.values()])
    if len(ids.unique()) != len(ids):
        raise DataError("an id occurs twice in the source; make ids unique across its rows")
    modality: Modality = registry.bind("modalities", source.modality, {})()
    for split in splits.values():
        modality.check(split.inputs)
    statistics = modality.statistics(splits["train"].inputs)
    return Prepared(splits, source.classes, source.modality, statistics)


def _require_rows(source: Source, sizes: Mapping[str, int]) -> None:
    for rows, needed in (
        (source.fit, sizes["train"] + sizes["validation"]),
        (source.test, sizes["test"]),
    ):
        if needed > len(rows):
            raise ConfigError.at(
                "data.train, data.validation and data.test",
                f"ask for {needed:,} rows where the source has {len(rows):,}",
                "lower them",
            )


def save(folder: Path, prepared: Prepared) -> None:
    """Writes the splits and their index; the folder appears when all is written."""
    with files.atomic_folder(folder) as temporary:
        for name, split in prepared.splits.items():
            tensors = {"inputs": split.inputs, "ids": split.ids}
            tensors |= {} if split.labels is None else {"labels": split.labels}
            tensors |= {} if split.groups is None else {"groups": split.groups}
            save_tensors(temporary / f"{name}.safetensors", tensors)
        if prepared.pairs:
            save_tensors(temporary / PAIRS, vars(prepared.pairs))
        index: dict[str, Any] = {
            "modality": prepared.modality_name,
            "classes": list(prepared.classes),
            "statistics": dataclasses.asdict(prepared.statistics),
        }
        if lacking := unlabelled(prepared.splits):
            index["unlabelled"] = lacking  # `twinview check` reads it, which loads no tensors
        files.save_json(temporary / INDEX, index)


def load(folder: Path) -> Prepared:
    """The splits that save wrote. Raises DataError when a file is missing or broken."""
    index = files.load_json(folder / INDEX)
    splits = {name: load_split(folder, name) for name in NAMES}
    statistics = Statistics(**{k: tuple(v) for k, v in index["statistics"].items()})
    pairs = None
    if (folder / PAIRS).is_file():
        pairs = Pairs(**load_tensors(folder / PAIRS))
    return Prepared(splits, tuple(index["classes"]), index["modality"], statistics, pairs)


def load_split(folder: Path, name: str) -> Split:
    """One of the splits that save wrote. Raises DataError when its file is missing or broken."""
    if name not in NAMES:
        raise ConfigError(f"there is no split {name!r}; the splits are {', '.join(NAMES)}")
    tensors = load_tensors(folder / f"{name}.safetensors")
    return Split(tensors["inputs"], tensors.get("labels"), tensors["ids"], tensors.get("groups"))


def load_classes(folder: Path) -> tuple[str, ...]:
    """The names of the classes; the inputs are not loaded."""
    return tuple(files.load_json(folder / INDEX)["classes"])


def unlabelled(parts: Mapping[str, Split] | Mapping[str, Embeddings]) -> list[str]:
    """The names of the splits in which no example has a label."""
    return [name for name, part in parts.items() if not len(labelled_rows(part.labels))]


def _stratified_order(split: Split, generator: torch.Generator) -> Tensor:
    """A random order of the rows in which every stretch has all classes in proportion."""
    order = torch.randperm(len(split), generator=generator)
    if split.labels is None:
        return order
    labels = split.labels[order]
    position = torch.empty(len(split), dtype=torch.float64)
    for rows in _rows_by_class(labels):
        jitter = torch.rand(1, generator=generator, dtype=torch.float64)
        position[rows] = (torch.arange(len(rows), dtype=torch.float64) + jitter) / len(rows)
    return order[position.argsort(stable=True)]


def _rows_by_class(labels: Tensor) -> Iterator[Tensor]:
    """The rows of each class."""
    for label in labels.unique():
        yield (labels == label).nonzero().squeeze(1)
