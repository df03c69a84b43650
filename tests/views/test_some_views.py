"""The views of some examples are those that the whole split's views have of them."""

from pathlib import Path

import pytest
import torch

from tests.support.shapes import shapes_split
from twinview.modalities.image import image
from twinview.views.cache import open_views, write_cache, write_live
from twinview.views.live import views_of
from twinview.views.plan import ViewPlan

SPLIT, ROWS = shapes_split(12, seed=0), torch.tensor([7, 2, 11])
PLAN = ViewPlan(seed=3, chain=(("noise", 1.0, {"strength": [0.1, 0.2]}),))


@pytest.mark.parametrize("mode", ["live", "cached"])
def test_row_numbers_are_those_among_the_chosen(mode: str, tmp_path: Path) -> None:
    if mode == "live":
        write_live(tmp_path / "views", PLAN)
    else:
        assert sum(write_cache(tmp_path / "views", SPLIT, PLAN, image(), 4, 10**6)) == 48
    whole = open_views(tmp_path / "views", SPLIT, image())
    some, rows = views_of(whole, ROWS), torch.tensor([2, 0])
    found = some.take(rows, epoch=1, count=2)
    assert torch.equal(found, whole.take(torch.tensor([11, 7]), 1, 2))
    assert not torch.equal(found[:, 0], found[:, 1])
