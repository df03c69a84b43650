"""Small features of three classes, and a probe that remembers what it was asked."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from twinview.core.types import Embeddings
from twinview.evaluation.contender import Contender

CLASSES = ("a", "b", "c")


def embeddings(n: int, first: int, seed: int = 0) -> Embeddings:
    random = torch.Generator().manual_seed(seed + first)
    labels = torch.arange(n) % 3
    features = torch.eye(3)[labels] + 0.7 * torch.randn(n, 3, generator=random)
    return Embeddings(features, labels, torch.arange(first, first + n))


def features(seed: int = 0) -> dict[str, Embeddings]:
    sizes = {"train": (60, 0), "validation": (30, 1000), "test": (45, 2000)}
    return {name: embeddings(n, first, seed) for name, (n, first) in sizes.items()}


def contender(
    parts: Mapping[str, Embeddings] | None = None, **probes: Mapping[str, Any]
) -> Contender:
    """The features as a task gets them, without a bar. probes: values of options by probe."""
    return Contender(parts or features(), CLASSES, probes, lambda items, *_: iter(items), views)


def views(split: str, count: int, seed: int, companions: tuple[int, int] | None = None) -> Tensor:
    """Features of two views that differ a little, or of companions, of other examples a split."""
    random = torch.Generator().manual_seed(100 * seed + len(split))
    centres = torch.randn(count, 3, generator=random)
    return centres + 0.1 * torch.randn(2, count, 3, generator=random)


class Recorder:
    """A probe that predicts a fixed class, and remembers what it was fitted on and asked about."""

    def __init__(self, answers: Callable[..., int] = lambda **options: 0) -> None:
        self.calls: list[tuple[list[int], int, dict[str, Any]]] = []
        self._answers = answers

    def __call__(self, train: Embeddings, features: Tensor, **options: Any) -> Tensor:
        self.calls.append((train.ids.tolist(), len(features), options))
        return F.one_hot(torch.full((len(features),), self._answers(**options)), 10).double()
