"""Where the training loop gets its views from: an interface, views on demand, chosen views."""

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

        rows: (n,) int64; or (count, n), the rows that each view is of. epoch: from 0. A thread of
        the training calls it, so that it may wait for the disk.
        """


@final
class LiveViews(Views):
    """Views that are rendered when they are asked for, and are new in every epoch."""

    def __init__(self, render: Renderer, split: Split) -> None:
        self._render = render
        self._split = split

    def take(self, rows: Tensor, epoch: int, count: int) -> Tensor:
        """The views with the numbers epoch * count to epoch * count + count - 1."""
        read_ahead(self._split.inputs, rows.flatten())
        return torch.stack(
            [
                self._view(part, epoch * count + view)
                for view, part in enumerate(rows.expand(count, -1))
            ]
        )

    def _view(self, rows: Tensor, number: int) -> Tensor:
        part = self._split.take(rows)
        return self._render(part.inputs, part.ids, torch.full_like(rows, number))


# (rows (n,), epoch, count) to the rows (count, n) of other views: the one that each view is of.
Choose = Callable[[Tensor, int, int], Tensor]


@final
class ChosenViews(Views):
    """Views of the rows that a function chooses; small crops are those of its first view's rows."""

    def __init__(self, views: Views, choose: Choose) -> None:
        self._views = views
        self._choose = choose
        if (small_crops := views.small_crops) is not None:
            self.small_crops = lambda rows, epoch: small_crops(choose(rows, epoch, 1)[0], epoch)

    def take(self, rows: Tensor, epoch: int, count: int) -> Tensor:
        """View k of each row is view k of the row that is chosen for it: (count, n, ...)."""
        return self._views.take(self._choose(rows, epoch, count), epoch, count)


def pair_views(views: Views, pairs: Pairs) -> Views:
    """The views of labelled pairs: the first view of the first example, the second of the second.

    So a pair of an example with itself has two different views of it.
    """

    def choose(rows: Tensor, epoch: int, count: int) -> Tensor:
        assert count == 2, "a pair has two views"
        return torch.stack([pairs.first[rows], pairs.second[rows]])

    return ChosenViews(views, choose)


def views_of(views: Views, chosen: Tensor) -> Views:
    """The views of the chosen rows (k,) alone, numbered from 0."""
    return ChosenViews(views, lambda rows, epoch, count: chosen[rows].expand(count, -1))
