"""Sampled views: the same examples for all, rendered by the plan of the training."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.support.plugins import PARAMS
from twinview.data import split_writer
from twinview.data.splits import Prepared
from twinview.views.cache import write_live
from twinview.views.plan import ViewPlan
from twinview.views.sample import SampledViews

CHAIN = ["random_resized_crop", "brightness"]
PLAN = ViewPlan.from_options(5, CHAIN, PARAMS["augmentations"])


@pytest.fixture
def take(shapes: Prepared, tmp_path: Path) -> Callable[..., Tensor]:
    split_writer.save(tmp_path / "prepared", shapes)
    write_live(tmp_path / "views", PLAN)
    return SampledViews(tmp_path / "prepared", tmp_path / "views").take


def test_all_of_a_small_split_are_taken_each_as_the_plan_renders_it(
    take: Callable[..., Tensor], shapes: Prepared
) -> None:
    split, render = shapes.splits["validation"], PLAN.renderer(shapes.modality)
    views = take("validation", 1000, 0)
    for number in (0, 1):
        expected = render(split.inputs, split.ids, torch.full_like(split.ids, number))
        assert torch.equal(views[number], expected)
    assert not torch.equal(views[0], views[1])


def test_the_seed_chooses_the_examples_and_not_the_views(
    take: Callable[..., Tensor], shapes: Prepared
) -> None:
    whole, some = take("test", 96, 0), take("test", 10, 0)
    assert some.shape == (2, 10, *shapes.shape) and some.dtype == torch.uint8
    assert torch.equal(some, take("test", 10, 0)) and not torch.equal(some, take("test", 10, 1))
    rows = [(whole[0] == view).flatten(1).all(1).nonzero()[0, 0] for view in some[0]]
    assert len(set(map(int, rows))) == 10 and torch.equal(whole[1, torch.stack(rows)], some[1])


def test_neither_labels_nor_the_train_split_are_read(shapes: Prepared, tmp_path: Path) -> None:
    split_writer.save(tmp_path / "prepared", shapes)
    write_live(tmp_path / "views", PLAN)
    shutil.rmtree(tmp_path / "prepared/labels")
    (tmp_path / "prepared/train.safetensors").unlink()
    sampled = SampledViews(tmp_path / "prepared", tmp_path / "views")
    assert sampled.take("test", 10, 0).shape == (2, 10, *shapes.shape)
