"""The values that the pipeline's parts hand to each other.

Axes are always in this order: v views, n examples, d features; an image is (c, h, w).
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Split:
    """Raw examples of one split.

    inputs: (n, ...) in the modality's own type (pictures: uint8, (n, c, h, w)).
    labels: (n,) int64 or None. ids: (n,) int64, unique across all splits of a source.
    """

    inputs: Tensor
    labels: Tensor | None
    ids: Tensor

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: Tensor) -> "Split":
        """The given rows, in the given order."""
        labels = None if self.labels is None else self.labels[rows]
        return Split(self.inputs[rows], labels, self.ids[rows])


@dataclass(frozen=True)
class Pairs:
    """Labelled pairs: first, second (n,) int64, rows of one split; alike (n,) bool."""

    first: Tensor
    second: Tensor
    alike: Tensor

    def __len__(self) -> int:
        return len(self.alike)

    def as_split(self) -> Split:
        """A pair as an example, so that batches are made of pairs: alike (1) or not (0), a number.

        Its views are PairViews; it has no input of its own.
        """
        return Split(torch.empty(len(self), 0), self.alike.long(), torch.arange(len(self)))


@dataclass(frozen=True)
class PairLabels:
    """What objectives get in place of classes: values (n,) bool, whether the views of a pair agree.

    The two views of z (2, n, d) at one place are then those of two examples.
    """

    values: Tensor


@dataclass(frozen=True)
class Source:
    """What a source hands over: rows to fit on, rows to test on, the names of the classes."""

    fit: Split
    test: Split
    classes: tuple[str, ...]
    modality: str


@dataclass(frozen=True)
class Statistics:
    """What standardises inputs: the mean and the deviation of each channel."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


class Modality(ABC):
    """How inputs are stored, augmented and fed to an encoder."""

    @abstractmethod
    def check(self, inputs: Tensor) -> None:
        """Raises DataError unless inputs are what this modality stores."""

    @abstractmethod
    def check_chain(self, names: Sequence[str], shape: tuple[int, ...]) -> None:
        """Raises ConfigError when an augmentation would do nothing to inputs of this shape."""

    @abstractmethod
    def statistics(self, inputs: Tensor) -> Statistics:
        """What standardises these inputs."""

    @abstractmethod
    def unpack(self, stored: Tensor) -> Tensor:
        """Stored values as the augmentations want them: a new tensor."""

    @abstractmethod
    def pack(self, x: Tensor) -> Tensor:
        """Augmented values as they are stored."""

    @abstractmethod
    def standardise(self, statistics: Statistics) -> nn.Module:
        """The layer that turns stored values into an encoder's input."""


@dataclass(frozen=True)
class Batch:
    """One step's worth of input: views (v, n, ...), labels (n,) or None, ids (n,).

    small: (s, n, ...), smaller views of the same examples, for a method that wants some.
    """

    views: Tensor
    labels: Tensor | None
    ids: Tensor
    small: Tensor | None = None

    def to(self, device: torch.device) -> "Batch":
        """The same batch on the given device; to a GPU from pinned memory, without waiting."""

        def moved(x: Tensor) -> Tensor:
            gpu = device.type == "cuda"
            return (x.pin_memory() if gpu else x).to(device, non_blocking=gpu)

        labels = None if self.labels is None else moved(self.labels)
        small = None if self.small is None else moved(self.small)
        return Batch(moved(self.views), labels, moved(self.ids), small)


@dataclass(frozen=True)
class Projections:
    """What a method's first half makes of a batch: z (v, n, d), and the batch's labels.

    targets: (v, n, d), what a slow encoder made of the same views, in methods that have one.
    """

    z: Tensor
    labels: Tensor | None
    targets: Tensor | None = None

    def map(self, change: Callable[[Tensor], Tensor]) -> "Projections":
        """The same with z and targets changed."""
        targets = None if self.targets is None else change(self.targets)
        return replace(self, z=change(self.z), targets=targets)


@dataclass(frozen=True, eq=False)
class Embeddings:
    """Features of one split: features (n, d) float32, labels (n,) or None, ids (n,).

    Equal to itself alone: what was found of it is kept by it.
    """

    features: Tensor
    labels: Tensor | None
    ids: Tensor

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: Tensor) -> "Embeddings":
        """The given rows, in the given order."""
        labels = None if self.labels is None else self.labels[rows]
        return Embeddings(self.features[rows], labels, self.ids[rows])

    def required_labels(self) -> Tensor:
        """The labels, where the caller cannot do without."""
        assert self.labels is not None, "labelled embeddings are needed here"
        return self.labels
