"""Smaller views in the first epochs, which take less time: the loop gets them instead of others."""

from collections.abc import Callable
from functools import partial
from typing import final

from torch import Tensor

from twinview.core.types import Modality
from twinview.views.live import Views


def shrunk_early(views: Views, modality: Modality, scale: float, epochs: int) -> Views:
    """The views, those of the first half of the epochs with so much of their side."""
    if scale == 1:
        return views
    return ShrunkViews(views, epochs // 2, partial(modality.shrink, scale=scale))


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
