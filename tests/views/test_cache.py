"""The view cache: the same views as live ones, whole or absent, and checked when it is opened."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.support.shapes import shapes_split
from twinview.core.errors import BusyError, DataError
from twinview.core.types import Split
from twinview.modalities.image import image
from twinview.views import cache as view_cache
from twinview.views.cache import CachedViews, cache_bytes, open_views, write_cache, write_live
from twinview.views.live import LiveViews
from twinview.views.plan import ViewPlan

SPLIT = shapes_split(30, seed=0)
ONE = 12 * 12  # bytes of one view
PLAN = ViewPlan(
    seed=3,
    chain=(
        ("random_resized_crop", 1.0, {"scale": [0.3, 1.0], "ratio": [0.75, 1.3333]}),
        ("noise", 0.5, {"strength": [0.05, 0.1]}),
    ),
)


def write(
    folder: Path, count: int = 4, shard: int = 10 * 4 * ONE, split: Split = SPLIT
) -> Iterator[int]:
    return write_cache(folder, split, PLAN, image(), count, shard)


def written(folder: Path, count: int = 4, shard: int = 10 * 4 * ONE) -> Path:
    assert sum(write(folder, count, shard)) == len(SPLIT) * count
    return folder


def content(folder: Path) -> Tensor:
    """(n, count, c, h, w): all views of a cache."""
    return torch.from_numpy(np.concatenate([np.load(p) for p in sorted(folder.glob("*.npy"))]))


def live(number: int) -> Tensor:
    numbers = torch.full_like(SPLIT.ids, number)
    return PLAN.renderer(image())(SPLIT.inputs, SPLIT.ids, numbers)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("cache") / "views")


def test_a_cached_view_is_the_live_view_of_the_same_number(cache: Path) -> None:
    views = content(cache)
    assert all(torch.equal(views[:, number], live(number)) for number in range(4))


@pytest.mark.parametrize("shard", [1, 7 * 4 * ONE, 10**9])
def test_views_are_bit_identical_whatever_the_size_of_a_shard(
    shard: int, tmp_path: Path, cache: Path
) -> None:
    assert torch.equal(content(written(tmp_path / "views", shard=shard)), content(cache))


@pytest.mark.parametrize("rows", [1, 4, 1000])
def test_views_are_bit_identical_however_many_are_rendered_at_once(
    rows: int, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(view_cache, "_ROWS", rows)
    assert torch.equal(content(written(tmp_path / "views")), content(cache))


def test_views_are_bit_identical_on_any_number_of_threads(tmp_path: Path, cache: Path) -> None:
    torch.set_num_threads(2)
    try:
        assert torch.equal(content(written(tmp_path / "views")), content(cache))
    finally:
        torch.set_num_threads(1)


def test_views_are_bit_identical_in_any_order_of_the_split(tmp_path: Path, cache: Path) -> None:
    order = torch.randperm(30, generator=torch.Generator().manual_seed(0))
    list(write(tmp_path / "views", split=SPLIT.take(order)))
    assert torch.equal(content(tmp_path / "views"), content(cache)[order])


def test_a_cache_written_twice_has_the_same_bytes(tmp_path: Path, cache: Path) -> None:
    again = written(tmp_path / "views")
    names = sorted(path.name for path in cache.iterdir())
    assert names == ["index.json", *(f"views-0000{i}.npy" for i in range(3))]
    assert all((again / n).read_bytes() == (cache / n).read_bytes() for n in names)


def test_the_size_is_known_before_anything_is_rendered(cache: Path) -> None:
    assert cache_bytes(SPLIT, 4) == 30 * 4 * ONE == content(cache).numel()


def test_a_shard_is_no_larger_than_asked_for(cache: Path) -> None:
    assert max(np.load(path).nbytes for path in cache.glob("*.npy")) <= 10 * 4 * ONE


def test_progress_counts_every_view_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view_cache, "_ROWS", 4)
    assert list(write(tmp_path / "views")) == [16, 16, 8] * 3


def test_a_cycle_takes_every_view_of_every_example_once(cache: Path) -> None:
    views, rows = open_views(cache, SPLIT, image()), torch.arange(30)
    taken = torch.cat([views.take(rows, epoch, 2) for epoch in (2, 3)]).transpose(0, 1)
    for own, stored in zip(taken, content(cache), strict=True):
        assert sorted(v.numpy().tobytes() for v in own) == sorted(
            v.numpy().tobytes() for v in stored
        )


def test_the_next_cycle_has_another_order(cache: Path) -> None:
    views, rows = open_views(cache, SPLIT, image()), torch.arange(30)
    same = [
        torch.equal(a, b)
        for a, b in zip(
            views.take(rows, 0, 2).unbind(1), views.take(rows, 2, 2).unbind(1), strict=True
        )
    ]
    # Two of four views in order: one chance in twelve each, 2.5 of 30 expected.
    assert sum(same) < 12


def test_the_order_depends_on_the_example_and_not_on_the_batch(cache: Path) -> None:
    views = open_views(cache, SPLIT, image())
    rows = torch.tensor([29, 3, 11, 10, 3])
    whole = views.take(torch.arange(30), 1, 2)
    assert torch.equal(views.take(rows, 1, 2), whole[:, rows])


def test_the_order_depends_on_the_seed_and_the_id() -> None:
    # A view's content is its own number, so that what is taken is the order itself.
    numbered = np.tile(np.arange(6, dtype=np.uint8)[None, :, None], (40, 1, 1))
    rows, ids = torch.arange(40), torch.arange(40)
    orders = [CachedViews([numbered], i, seed).take(rows, 0, 6) for i, seed in ((ids, 0), (ids, 1))]
    assert not torch.equal(*orders)
    by_id = CachedViews([numbered], ids + 7, 0).take(rows[:33], 0, 6)
    assert torch.equal(by_id, orders[0][:, 7:])
    assert not torch.equal(orders[0][:, :1].expand(-1, 40, -1), orders[0])


def test_every_order_is_equally_likely() -> None:
    numbered = np.tile(np.arange(2, dtype=np.uint8)[None, :, None], (4000, 1, 1))
    taken = CachedViews([numbered], torch.arange(4000), 0).take(torch.arange(4000), 0, 2)
    first = taken[0].double().mean()
    assert abs(first - 0.5) < 5 * 0.5 / 4000**0.5  # five standard errors


def test_a_count_that_does_not_divide_the_views_is_refused(cache: Path) -> None:
    with pytest.raises(DataError, match="4 cached views cannot be taken 3 at a time"):
        open_views(cache, SPLIT, image()).take(torch.arange(2), 0, 3)


def test_one_view_at_a_time_uses_all_of_them(cache: Path) -> None:
    views, rows = open_views(cache, SPLIT, image()), torch.arange(30)
    taken = torch.cat([views.take(rows, epoch, 1) for epoch in range(4)])
    assert torch.equal(
        taken.long().sum(0).sort(0).values, content(cache).long().sum(1).sort(0).values
    )


def test_the_system_is_asked_for_what_is_taken(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system is told of the very bytes of the views, wherever they lie."""
    told: list[bytes] = []

    def advise(file: int, start: int, length: int, advice: int) -> None:
        assert advice == os.POSIX_FADV_WILLNEED
        told.append(os.pread(file, length, start))

    monkeypatch.setattr(os, "posix_fadvise", advise)
    views, rows = open_views(cache, SPLIT, image()), torch.tensor([29, 3, 11, 10, 0])
    taken = views.take(rows, 1, 2).flatten(0, 1)
    assert sorted(told) == sorted(view.numpy().tobytes() for view in taken)


def spoilt(cache: Path, folder: Path) -> Path:
    return Path(shutil.copytree(cache, folder / "views"))


def test_a_truncated_shard_is_named(cache: Path, tmp_path: Path) -> None:
    path = spoilt(cache, tmp_path) / "views-00001.npy"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match=r"views-00001\.npy is truncated or edited"):
        open_views(path.parent, SPLIT, image())


def test_an_edited_shard_is_named(cache: Path, tmp_path: Path) -> None:
    path = spoilt(cache, tmp_path) / "views-00002.npy"
    path.write_bytes(path.read_bytes()[:-1] + b"\xff")
    with pytest.raises(DataError, match=r"views-00002\.npy is truncated or edited"):
        open_views(path.parent, SPLIT, image())


def test_a_missing_shard_is_named(cache: Path, tmp_path: Path) -> None:
    path = spoilt(cache, tmp_path) / "views-00000.npy"
    path.unlink()
    with pytest.raises(DataError, match=r"views-00000\.npy is missing"):
        open_views(path.parent, SPLIT, image())


def test_a_missing_index_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"views/index\.json is missing"):
        open_views(tmp_path / "views", SPLIT, image())


@pytest.mark.parametrize("rows", [torch.arange(29), torch.arange(30).flip(0)])
def test_a_cache_of_other_examples_is_refused(rows: Tensor, cache: Path) -> None:
    with pytest.raises(DataError, match="holds views of other examples"):
        open_views(cache, SPLIT.take(rows), image())


def test_an_interrupted_write_leaves_nothing(tmp_path: Path) -> None:
    parts = write(tmp_path / "views")
    next(parts)
    parts.close()
    assert list(tmp_path.iterdir()) == []


def test_an_error_while_writing_leaves_nothing(tmp_path: Path) -> None:
    parts = write(tmp_path / "views")
    next(parts)
    with pytest.raises(KeyboardInterrupt):
        parts.throw(KeyboardInterrupt())
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_write_leaves_the_old_cache(cache: Path, tmp_path: Path) -> None:
    folder = spoilt(cache, tmp_path)
    parts = write(folder, count=2)
    next(parts)
    parts.close()
    assert torch.equal(content(folder), content(cache)) and len(list(tmp_path.iterdir())) == 1


def test_a_new_cache_replaces_the_old_one_whole(cache: Path, tmp_path: Path) -> None:
    folder = spoilt(cache, tmp_path)
    written(folder, count=2, shard=10**9)
    assert sorted(path.name for path in folder.iterdir()) == ["index.json", "views-00000.npy"]


def test_a_disk_too_small_is_refused_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = SimpleNamespace(free=30 * 4 * ONE - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: free)
    monkeypatch.setattr(view_cache.files, "atomic_folder", lambda path: pytest.fail("work"))
    with pytest.raises(BusyError, match="make room, or lower views"):
        next(write(tmp_path / "views"))


def test_live_mode_renders_in_the_loop_by_the_same_plan(tmp_path: Path) -> None:
    write_live(tmp_path / "views", PLAN)
    views = open_views(tmp_path / "views", SPLIT, image())
    assert isinstance(views, LiveViews)
    assert torch.equal(views.take(torch.arange(30), 1, 2), torch.stack([live(2), live(3)]))


def test_the_plan_can_be_read_back_in_both_modes(cache: Path, tmp_path: Path) -> None:
    write_live(tmp_path / "views", PLAN)
    for folder in (cache, tmp_path / "views"):
        assert view_cache.read_plan(folder).as_json() == json.loads(json.dumps(PLAN.as_json()))
