"""Smaller views in the first epochs, which take less time: the loop gets them instead of others."""

from collections.abc import Callable
from typing import final

from torch import Tensor

from twinview.views.live import Views


@final
class ShrunkViews(Views):
    """Views that are shrunk in the first epochs; small crops stay as they are.

    epochs: the number of epochs in which they are. shrink: maps views (v, n, ...), as stored.
    """

    def __init__(self, views: Views, epochs: int, shrink: Callable[[Tensor], Tensor]) -> None:
        self._views = views
        self._epochs = epochs
        self._shrink = shrink
        self.small_crops = views.small_crops

    def take(self, rows: Tensor, epoch: int, count: int) -> Tensor:
        """The views of the rows, shrunk or not."""
        taken = self._views.take(rows, epoch, count)
        return self._shrink(taken) if epoch < self._epochs else taken
