"""Where the training loop gets its views from: an interface, views rendered on demand, pairs."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import final

import torch
from torch import Tensor

from twinview.core.mapped import read_ahead
from twinview.core.types import Pairs, Split
from twinview.views.plan import Renderer


class Views(ABC):
    """Gives the views of each example for every epoch.

    small_crops: maps (rows, epoch) to crops (s, n, ...), as stored; None where none are asked for.
    """

    small_crops: Callable[[Tensor, int], Tensor] | None = None

    @abstractmethod
    def take(self, rows: Tensor, epoch: int, count: int) -> Tensor:
        """`count` views of each row of the split in the given epoch: (count, n, ...), as stored.

        rows: (n,) int64. epoch: from 0.
        """

    def prefetch(self, rows: Tensor, epoch: int, count: int) -> None:  # noqa: B027 - views may ignore it
        """Prepares for the next call of `take`, while the training computes; it may do nothing."""


@final
class LiveViews(Views):
    """Views that are rendered when they are asked for, and are new in every epoch."""

    def __init__(self, render: Renderer, split: Split) -> None:
        self._render = render
        self._split = split

    def take(self, rows: Tensor, epoch: int, count: int) -> Tensor:
        """The views with the numbers epoch * count to epoch * count + count - 1."""
        part = self._split.take(rows)
        numbers = [torch.full_like(rows, epoch * count + view) for view in range(count)]
        return torch.stack([self._render(part.inputs, part.ids, view) for view in numbers])

    def prefetch(self, rows: Tensor, epoch: int, count: int) -> None:
        """Asks the system to read from the disk the rows of a mapped split."""
        read_ahead(self._split.inputs, rows)


@final
class PairViews(Views):
    """The views of labelled pairs: the first view of the first example, the second of the second.

    So a pair of an example with itself has two different views of it.
    """

    def __init__(self, views: Views, pairs: Pairs) -> None:
        self._views = views
        self._pairs = pairs

    def take(self, rows: Tensor, epoch: int, count: int) -> Tensor:
        """The two views of each pair: (2, n, ...). rows: numbers of pairs. count: 2."""
        assert count == 2, "a pair has two views"
        both = enumerate(self._both(rows))
        return torch.stack([self._views.take(part, epoch, 2)[view] for view, part in both])

    def prefetch(self, rows: Tensor, epoch: int, count: int) -> None:
        """Prepares for the next call of `take`. rows: numbers of pairs."""
        self._views.prefetch(torch.cat(self._both(rows)), epoch, count)

    def _both(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        return self._pairs.first[rows], self._pairs.second[rows]
