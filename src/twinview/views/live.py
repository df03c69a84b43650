"""How the training loop gets views: rendered when they are asked for, or those of pairs."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import final

import torch
from torch import Tensor

from twinview.core.types import Pairs, Split
from twinview.views.plan import Renderer


class Views(ABC):
    """Gives each epoch its views of each example.

    small: (rows, epoch) to small crops (s, n, ...), as stored, for a method that wants some.
    """

    small: Callable[[Tensor, int], Tensor] | None = None

    @abstractmethod
    def take(self, rows: Tensor, epoch: int, count: int) -> Tensor:
        """(count, n, ...) as stored: `count` views of the split's rows, for the given epoch."""

    def prefetch(self, rows: Tensor, epoch: int, count: int) -> None:  # noqa: B027 - a hint that views may ignore
        """Told what is taken next, while the training is at work on what was taken last."""


@final
class LiveViews(Views):
    """Views rendered when they are asked for, new ones in every epoch."""

    def __init__(self, render: Renderer, split: Split) -> None:
        self._render = render
        self._split = split

    def take(self, rows: Tensor, epoch: int, count: int) -> Tensor:
        """View numbers epoch * count and on."""
        part = self._split.take(rows)
        numbers = [torch.full_like(rows, epoch * count + view) for view in range(count)]
        return torch.stack([self._render(part.inputs, part.ids, view) for view in numbers])


@final
class PairViews(Views):
    """The views of labelled pairs: the first view of the first example, the second of the second.

    So a pair of one example with itself has two different views of it.
    """

    def __init__(self, views: Views, pairs: Pairs) -> None:
        self._views = views
        self._pairs = pairs

    def take(self, rows: Tensor, epoch: int, count: int) -> Tensor:
        """rows: of the pairs. count: two."""
        assert count == 2, "a pair has two views"
        taken = [self._views.take(own, epoch, 2)[view] for view, own in enumerate(self._both(rows))]
        return torch.stack(taken)

    def prefetch(self, rows: Tensor, epoch: int, count: int) -> None:
        """rows: of the pairs."""
        self._views.prefetch(torch.cat(self._both(rows)), epoch, count)

    def _both(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        return self._pairs.first[rows], self._pairs.second[rows]
