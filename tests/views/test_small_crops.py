"""Small crops as the pretrain stage opens them, beside cached views."""

from pathlib import Path

import pytest
import torch

from tests.support.plugins import bound
from tests.support.small_convnet import SMALL_CONVNET
from tests.support.training import CHAIN
from twinview.core import paths, registry
from twinview.core.errors import ConfigError
from twinview.data.splits import Prepared
from twinview.learning.parts import Method
from twinview.learning.pretraining import add_small_crops
from twinview.models import encoder
from twinview.models.encoder import Encoder
from twinview.settings.sections import SmallCrops
from twinview.views.cache import open_views, write_cache
from twinview.views.live import Views
from twinview.views.plan import ViewPlan

PLAN = ViewPlan(0, CHAIN)
WITH_SMALL_CROPS = ("dino", "swav")


@pytest.fixture
def learner(folder: Path, shapes: Prepared) -> Encoder:
    """An encoder, in a folder with a view cache."""
    list(write_cache(paths.VIEWS, shapes.splits["train"], PLAN, shapes.modality, 4, 2**20))
    return encoder.build(encoder.Description.for_data(shapes, "convnet", SMALL_CONVNET), 0)


def method(learner: Encoder, name: str) -> Method:
    made: Method = bound("methods", name)(learner, bound("heads", "linear")(learner.dim))
    return made


def opened(prepared: Prepared, learner: Encoder, method: Method) -> Views:
    views = open_views(paths.VIEWS, prepared.splits["train"], prepared.modality)
    add_small_crops(views, PLAN, prepared, learner, method)
    return views


@pytest.mark.parametrize("name", WITH_SMALL_CROPS)
def test_a_method_that_wants_small_crops_gets_new_ones_in_every_epoch(
    name: str, learner: Encoder, shapes: Prepared
) -> None:
    own, split, rows = method(learner, name), shapes.splits["train"], torch.tensor([4, 0])
    views = opened(shapes, learner, own)
    assert own.small_crops is not None and views.small_crops is not None
    part, render = split.take(rows), PLAN.small_renderer(shapes.modality, own.small_crops)
    numbers = [
        torch.full_like(rows, 2 * own.small_crops.count + crop)
        for crop in range(own.small_crops.count)
    ]
    expected = [render(part.inputs, part.ids, number) for number in numbers]
    assert torch.equal(views.small_crops(rows, 2), torch.stack(expected))


@pytest.mark.parametrize("name", sorted({*registry.names("methods")} - {*WITH_SMALL_CROPS}))
def test_other_methods_pay_nothing(name: str, learner: Encoder, shapes: Prepared) -> None:
    assert opened(shapes, learner, method(learner, name)).small_crops is None


def test_small_crops_without_room_are_refused_before_the_first_step(
    learner: Encoder, shapes: Prepared
) -> None:
    own = method(learner, "swav")
    own.small_crops = SmallCrops(count=1, side=2, scale=(0.1, 0.3))
    with pytest.raises(ConfigError, match="crops of 2 x 2, whose maps of 1 x 1 have fewer"):
        opened(shapes, learner, own)
