"""Views of the members of a group: who is shown, how often, and by which augmentations."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.support.shapes import shapes_split
from twinview.core.errors import DataError
from twinview.core.types import NO_GROUP, Split
from twinview.modalities.image import image
from twinview.views.cache import open_views, write_cache
from twinview.views.groups import group_views, require_groups
from twinview.views.live import LiveViews, Views
from twinview.views.plan import ViewPlan

# Groups of 4, 2, 1 and 3 rows in no order, and two rows without a group.
GROUPS = torch.tensor([7, 2, 7, NO_GROUP, 5, 2, 7, 9, 9, NO_GROUP, 7, 9])
ROWS = torch.arange(12)
PLAN = ViewPlan(3, (("noise", 1.0, {"strength": [0.05, 0.1]}),))


class Numbers(Views):
    """A view is its row, epoch and number; so are the small crops."""

    def __init__(self) -> None:
        self.small_crops = lambda rows, epoch: rows[None].expand(3, -1)

    def take(self, rows: Tensor, epoch: int, count: int) -> Tensor:
        rows = rows.expand(count, -1)
        views = torch.arange(count)[:, None].expand_as(rows)
        return torch.stack([rows, torch.full_like(rows, epoch), views], dim=2)


def members(epoch: int, count: int, seed: int = 0) -> Tensor:
    """The rows (count, 12) that the views of all rows are of."""
    return group_views(Numbers(), GROUPS, seed).take(ROWS, epoch, count)[..., 0]


def alike(row: int, other: int) -> bool:
    return row == other or (GROUPS[row] == GROUPS[other] and GROUPS[row] != NO_GROUP)


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_the_first_view_is_the_example_and_the_others_are_different_members(count: int) -> None:
    for epoch in range(10):
        of = members(epoch, count)
        assert torch.equal(of[0], ROWS)
        for row, chosen in enumerate(of.T.tolist()):
            size = sum(alike(row, other) for other in range(12))
            assert all(alike(row, other) for other in chosen)
            assert len(set(chosen)) == min(count, size)


def test_an_example_that_is_alone_has_different_views_of_itself() -> None:
    views = group_views(Numbers(), GROUPS, 0).take(torch.tensor([3, 4, 9]), 5, 2)
    assert views[..., 0].tolist() == [[3, 4, 9]] * 2
    assert views[0, :, 2].tolist() == [0] * 3 and views[1, :, 2].tolist() == [1] * 3


@pytest.mark.parametrize("count", [2, 3, 5])
def test_no_view_of_a_member_is_shown_twice_in_an_epoch(count: int) -> None:
    shown = group_views(Numbers(), GROUPS, 0).take(ROWS, 1, count).flatten(0, 1)
    assert len(shown.unique(dim=0)) == 12 * count


def test_every_other_member_is_the_second_view_equally_often() -> None:
    seconds = torch.stack([members(epoch, 2)[1] for epoch in range(3000)])
    counts = torch.bincount(seconds[:, 0], minlength=12)[[2, 6, 10]]
    # A third each of 3,000: the deviation is 26.
    assert counts.sum() == 3000 and (counts - 1000).abs().max() < 5 * 26


def test_members_depend_on_epoch_and_seed_and_not_on_the_batch_or_what_came_before() -> None:
    views = group_views(Numbers(), GROUPS, 0)
    batch = torch.tensor([11, 0, 6])
    later = views.take(batch, 3, 2)
    assert torch.equal(views.take(batch, 4, 2)[..., 0], members(4, 2)[:, batch])
    assert torch.equal(views.take(batch, 3, 2), later)
    assert torch.equal(later[..., 0], members(3, 2)[:, batch])
    others = [members(4, 2), members(3, 2, seed=1)]
    assert not any(torch.equal(members(3, 2), other) for other in others)


def test_small_crops_are_of_the_example_itself() -> None:
    crops = group_views(Numbers(), GROUPS, 0).small_crops
    assert crops is not None and torch.equal(crops(ROWS, 2), ROWS.expand(3, -1))


def test_a_view_is_the_one_that_its_member_has_of_that_number_live_and_cached(
    tmp_path: Path,
) -> None:
    split = shapes_split(12, seed=0)
    live = LiveViews(PLAN.renderer(image()), split)
    list(write_cache(tmp_path / "views", split, PLAN, image(), 4, 5 * 144))
    for own in (live, open_views(tmp_path / "views", split, image())):
        every = own.take(ROWS, 1, 2)
        found = group_views(own, GROUPS, 0).take(ROWS, 1, 2)
        first, second = members(1, 2)
        assert torch.equal(found, torch.stack([every[0, first], every[1, second]]))


def with_groups(groups: Tensor | None) -> Split:
    return Split(torch.zeros(3, 1), None, torch.arange(3), groups)


@pytest.mark.parametrize(
    ("groups", "problem"),
    [
        (None, "these data have no groups"),
        ([NO_GROUP, NO_GROUP, 4], "no two train examples have the same group"),
    ],
)
def test_data_without_groups_are_refused_with_a_remedy(
    groups: list[int] | None, problem: str
) -> None:
    split = with_groups(None if groups is None else torch.tensor(groups))
    with pytest.raises(DataError) as caught:
        require_groups(split)
    assert str(caught.value) == (
        f"views.positives is group, and {problem}; set it to example, or give a table with a "
        "column of groups"
    )
    assert len(require_groups(with_groups(torch.tensor([1, NO_GROUP, 1])))) == 3
