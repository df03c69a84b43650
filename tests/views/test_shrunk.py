"""Views that are shrunk in the first half of the epochs."""

import pytest
import torch
from torch import Tensor

from twinview.data.splits import Prepared
from twinview.learning.pretraining import shrunk_early
from twinview.settings import defaults
from twinview.settings.params import Params
from twinview.views.live import Views

ROWS = torch.tensor([3, 0])


class Stored(Views):
    """Gives the examples themselves as views."""

    def __init__(self, inputs: Tensor) -> None:
        self.inputs = inputs
        self.small_crops = lambda rows, epoch: inputs[rows][None]

    def take(self, rows: Tensor, epoch: int, count: int) -> Tensor:
        return self.inputs[rows].expand(count, -1, -1, -1, -1)


def asked(scale: float, epochs: int) -> Params:
    return defaults.with_changes(
        {
            "pretrain.early_view_scale": scale,
            "pretrain.epochs": epochs,
            "pretrain.warmup_epochs": 0,
        }
    )


@pytest.mark.parametrize(("epochs", "small"), [(1, 0), (4, 2), (5, 2)])
def test_views_of_the_first_half_are_smaller_and_all_others_as_they_are(
    epochs: int, small: int, shapes: Prepared
) -> None:
    stored = Stored(shapes.splits["train"].inputs)
    views = shrunk_early(stored, asked(0.5, epochs), shapes.modality)
    side = shapes.shape[1]
    for epoch in range(epochs):
        taken = views.take(ROWS, epoch, 2)
        assert taken.dtype == torch.uint8 and taken.shape[:3] == (2, 2, shapes.shape[0])
        assert taken.shape[3:] == ((side // 2,) * 2 if epoch < small else (side, side))
    assert torch.equal(views.take(ROWS, epochs, 2), stored.take(ROWS, epochs, 2))
    assert views.small_crops is not None
    assert torch.equal(views.small_crops(ROWS, 0)[0], stored.inputs[ROWS])


def test_a_shrunk_view_skips_no_pixel(shapes: Prepared) -> None:
    columns = torch.tensor([0, 200], dtype=torch.uint8).repeat(8).expand(1, 3, 1, 16, 16)
    shrunk = shapes.modality.shrink(columns, 0.5)
    assert shrunk.shape == (1, 3, 1, 8, 8)
    # Each pixel is a mean over both kinds of columns; one that skips columns is 0 or 200.
    assert shrunk[..., 1:-1].min() > 90 and shrunk[..., 1:-1].max() < 110


def test_a_scale_of_one_leaves_the_views_alone(shapes: Prepared) -> None:
    stored = Stored(shapes.splits["train"].inputs)
    assert shrunk_early(stored, asked(1, 4), shapes.modality) is stored
