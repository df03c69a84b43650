"""The values that the parts of the pipeline pass to each other.

Axes always have this order: v views, n examples, d features; a picture is (c, h, w).
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

NO_LABEL = -1  # stands in labels for an example without a label
NO_GROUP = -1  # stands in groups for an example without a group


def apart_without(values: Tensor) -> Tensor:
    """Labels or groups (n,), where each row without one has a negative number that no other has.

    So rows without a label are as different as rows of different classes. A second call changes
    nothing.
    """
    own = -1 - torch.arange(len(values), device=values.device)
    return torch.where(values < 0, own, values)


@dataclass(frozen=True)
class Split:
    """The raw examples of one split.

    inputs: (n, ...) in the modality's type (pictures: uint8, (n, c, h, w); texts: int32 token
    numbers, (n, companions, length); series: float32, (n, c, t), NaN for what is missing). labels:
    (n,) int64, NO_LABEL for an example without one, or None where no example has one. ids: (n,)
    int64, unique across all splits of a source. groups: (n,) int64, the number of each example's
    group over all splits, NO_GROUP for an example without one, or None where no example has one.
    """

    inputs: Tensor
    labels: Tensor | None
    ids: Tensor
    groups: Tensor | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def labelled_rows(self) -> Tensor:
        """The rows that have a label: (k,) int64, ascending."""
        if self.labels is None:
            return torch.arange(0)
        return (self.labels != NO_LABEL).nonzero().squeeze(1)

    def take(self, rows: Tensor) -> "Split":
        """The given rows, in the given order."""
        labels = None if self.labels is None else self.labels[rows]
        groups = None if self.groups is None else self.groups[rows]
        return Split(self.inputs[rows], labels, self.ids[rows], groups)

    def labelled(self) -> "Split":
        """The examples that have a label; the split itself where all have one."""
        rows = labelled_rows(self.labels)
        return self if len(rows) == len(self) else self.take(rows)


def labelled_rows(labels: Tensor | None) -> Tensor:
    """The numbers of the rows that have a label; none where no row has one."""
    return torch.arange(0) if labels is None else (labels != NO_LABEL).nonzero().squeeze(1)


@dataclass(frozen=True)
class Pairs:
    """Labelled pairs of the rows of one split.

    first, second: (n,) int64, rows of the split. alike: (n,) bool, whether the pair is positive.
    """

    first: Tensor
    second: Tensor
    alike: Tensor

    def __len__(self) -> int:
        return len(self.alike)

    def as_split(self) -> Split:
        """A split whose examples are the pairs, so that batches are made of pairs.

        A label is 1 for a positive pair and 0 for a negative one, and an id is the pair's number.
        There are no inputs: pair_views gives the views.
        """
        return Split(torch.empty(len(self), 0), self.alike.long(), torch.arange(len(self)))


@dataclass(frozen=True)
class PairLabels:
    """What objectives get in place of labels when pairs are labelled.

    values: (n,) bool, whether the two views z[0, i] and z[1, i] of z (2, n, d), which are those of
    two examples, are a positive pair.
    """

    values: Tensor


@dataclass(frozen=True)
class Source:
    """What a source of examples in memory returns.

    fit: rows to fit on. test: rows to test on; None: all splits are drawn from fit. classes: their
    names, by label. given: for each row of fit the split in which it has to be, or None. files: the
    user's files that it was read from, so that DVC notices a change of them. groups: the
    names of groups, by number; if it is empty, the numbers are the names. origins: where each row
    comes from, in words; if it is empty, the source and the id say it. notes: sentences on what was
    counted or left out.
    """

    fit: Split
    test: Split | None
    classes: tuple[str, ...]
    modality: str
    given: tuple[str | None, ...] | None = None
    files: tuple[Path, ...] = ()
    groups: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Statistics:
    """The mean and the standard deviation of each channel; inputs are standardised by them."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Statistics":
        """The statistics whose fields a JSON file holds; ValueError, TypeError for any other."""
        return cls(**{name: tuple(numbers) for name, numbers in value.items()})


@dataclass(frozen=True)
class Vocabulary:
    """The tokens of texts, learnt from the train split.

    size: token numbers are below it. tokenizer: the JSON of Hugging Face's tokenizers; empty where
    the inputs came as token numbers. joined: whether an example's features are those of all its
    texts; else they are those of its first one.
    """

    size: int
    tokenizer: str
    joined: bool


Learned = Statistics | Vocabulary  # what a modality learns from the train split


class Modality(ABC):
    """How a kind of input is stored, augmented, shown and fed to an encoder."""

    @abstractmethod
    def check(self, inputs: Tensor) -> None:
        """Raises DataError unless this modality can store the inputs."""

    @abstractmethod
    def check_chain(self, names: Sequence[str], shape: tuple[int, ...]) -> None:
        """Raises ConfigError when an augmentation would not change inputs of this shape."""

    @abstractmethod
    def statistics(self, inputs: Tensor) -> Learned:
        """What these inputs, those of train, say of how inputs are fed to an encoder."""

    @abstractmethod
    def learned(self, value: Mapping[str, Any]) -> Learned:
        """The statistics whose fields a JSON file holds; ValueError, TypeError for any other."""

    @abstractmethod
    def describe(self, statistics: Learned) -> dict[str, Any]:
        """What the data card says of the statistics."""

    @abstractmethod
    def encoder_shape(self, shape: tuple[int, ...], statistics: Learned) -> tuple[int, ...]:
        """What an encoder is built for, given the shape of one stored input."""

    @abstractmethod
    def words(self, stored: Tensor, statistics: Learned) -> list[str] | None:
        """Each of the inputs in words; None where they are shown by `drawn` instead."""

    @abstractmethod
    def drawn(self, stored: Tensor, statistics: Learned) -> Tensor:
        """A picture of each of the inputs: uint8 (n, c, h, w), a blank one where words say it."""

    @abstractmethod
    def copies(self, stored: Tensor) -> Tensor:
        """The units (n,) int64 of inputs that must not be each other's negatives.

        Inputs with the same number are equal, or have an equal part that a view may show.
        """

    @abstractmethod
    def view(self, stored: Tensor, numbers: Tensor) -> Tensor:
        """The part of each input that its view of the number shows, as stored.

        stored: (n, ...). numbers: (n,) int64.
        """

    @abstractmethod
    def unpack(self, stored: Tensor) -> Tensor:
        """Stored values in the form that augmentations take, as a new tensor."""

    @abstractmethod
    def fit_raw(self, stored: Tensor, statistics: Learned) -> Mapping[str, Tensor]:
        """What `raw` has to know of the train inputs (n, ...), by name."""

    @abstractmethod
    def words_of(self, stored: Tensor, statistics: Learned) -> Tensor | None:
        """The words (n, t) of stored texts, for baselines that count them; None for others."""

    @abstractmethod
    def raw(self, stored: Tensor, fitted: Mapping[str, Tensor]) -> Tensor:
        """Stored values (n, ...) as the features (n, d) float32 that an encoder has to beat."""

    @abstractmethod
    def pack(self, x: Tensor) -> Tensor:
        """Augmented values in the form in which they are stored."""

    @abstractmethod
    def shrink(self, stored: Tensor, scale: float) -> Tensor:
        """Stored values (..., c, h, w) with so much of their sides; scale: in (0, 1]."""

    @abstractmethod
    def standardise(self, statistics: Learned) -> nn.Module:
        """The layer that maps stored values to an encoder's input."""


@dataclass(frozen=True)
class Batch:
    """The input of one step.

    views: (v, n, ...). labels: (n,) or None. ids: (n,). small_crops: (s, n, ...), crops of the
    same examples, for a method that asks for them.
    """

    views: Tensor
    labels: Tensor | None
    ids: Tensor
    small_crops: Tensor | None = None

    def to(self, device: torch.device) -> "Batch":
        """The same batch on the given device.

        The copy to a GPU starts from pinned memory and is not waited for.
        """

        def moved(x: Tensor) -> Tensor:
            gpu = device.type == "cuda"
            return (x.pin_memory() if gpu else x).to(device, non_blocking=gpu)

        labels = None if self.labels is None else moved(self.labels)
        small_crops = None if self.small_crops is None else moved(self.small_crops)
        return Batch(moved(self.views), labels, moved(self.ids), small_crops)


@dataclass(frozen=True)
class Projections:
    """What the first half of a method returns for a batch.

    z: (v, n, d). labels: those of the batch. targets: (v, n, d), the projections of the same views
    by a slow encoder, in methods that have one.
    """

    z: Tensor
    labels: Tensor | None
    targets: Tensor | None = None

    def map(self, change: Callable[[Tensor], Tensor]) -> "Projections":
        """The same projections, with `change` applied to z and targets."""
        targets = None if self.targets is None else change(self.targets)
        return replace(self, z=change(self.z), targets=targets)


@dataclass(frozen=True, eq=False)
class Embeddings:
    """The features of one split: features (n, d) float32; labels, ids and groups as in Split.

    An object equals itself only, so that fitted probes can be kept by it.
    """

    features: Tensor
    labels: Tensor | None
    ids: Tensor
    groups: Tensor | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: Tensor) -> "Embeddings":
        """The given rows, in the given order."""
        labels = None if self.labels is None else self.labels[rows]
        groups = None if self.groups is None else self.groups[rows]
        return Embeddings(self.features[rows], labels, self.ids[rows], groups)

    def labelled(self) -> "Embeddings":
        """The rows that have a label; the object itself, with its kept probes, where all have."""
        rows = labelled_rows(self.labels)
        return self if len(rows) == len(self) else self.take(rows)

    def required_labels(self) -> Tensor:
        """The labels, for a caller that cannot do without them."""
        assert self.labels is not None, "labelled embeddings are needed here"
        return self.labels
