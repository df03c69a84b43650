"""The supervised baseline: the memory of its training, and the size of its views."""

from pathlib import Path
from typing import Any

import pytest
import torch
from ruamel.yaml import YAML
from torch import Tensor, nn

from pipeline import baselines
from tests.support import unlabelled
from twinview.core import paths
from twinview.data import split_writer
from twinview.data.splits import Prepared
from twinview.models import encoder
from twinview.settings import params
from twinview.views.cache import write_live
from twinview.views.plan import ViewPlan


def shapes_of_passes(
    prepared: Prepared, baseline: dict[str, Any], pretrain: dict[str, Any]
) -> list[torch.Size]:
    """The shapes that the encoder gets in each pass of the training."""
    unlabelled.write_settings(Path(), ["classification"])
    tree = YAML(typ="safe").load(Path("params.yaml").read_text())
    tree["baselines"] |= baseline
    tree["pretrain"] |= pretrain
    with Path("params.yaml").open("w") as file:
        YAML().dump(tree, file)
    settings, shapes = params.load(), list[torch.Size]()
    described = encoder.Description.for_data(
        prepared, settings.pretrain.encoder, settings.encoders[settings.pretrain.encoder]
    )
    network = encoder.build(described, 0)

    def note(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        shapes.append(inputs[0].shape)

    network.register_forward_pre_hook(note)
    baselines.train(settings, prepared, network, torch.device("cpu"))
    return shapes


def rows_of_passes(prepared: Prepared, batch_size: int, micro_batch: int | None) -> list[int]:
    baseline = {"epochs": 1, "batch_size": batch_size}
    pretrain = {"micro_batch": micro_batch, "batch_size": 96}
    return [shape[0] for shape in shapes_of_passes(prepared, baseline, pretrain)]


@pytest.fixture
def prepared(folder: Path, shapes: Prepared) -> Prepared:
    split_writer.save(paths.PREPARED, shapes)
    write_live(paths.VIEWS, ViewPlan(0, ()))
    return shapes


def test_the_encoder_gets_a_micro_batch_at_a_time(prepared: Prepared) -> None:
    passes = rows_of_passes(prepared, 48, 16)
    assert set(passes) == {16} and len(passes) == 2 * 3 * 2  # encoded twice; parts; steps


def test_without_a_micro_batch_the_encoder_gets_whole_batches(prepared: Prepared) -> None:
    assert rows_of_passes(prepared, 48, None) == [48, 48]


def test_early_views_are_as_small_as_those_of_pretraining(prepared: Prepared) -> None:
    baseline = {"epochs": 4, "batch_size": 96}
    shapes = shapes_of_passes(prepared, baseline, {"early_view_scale": 0.5})
    side = prepared.shape[1]
    assert [shape[2] for shape in shapes] == [side // 2, side // 2, side, side]


@pytest.mark.parametrize(
    ("batch_size", "most", "size"), [(256, 256, 256), (256, 100, 86), (33, 32, 17), (8, 64, 8)]
)
def test_the_parts_of_a_batch_are_even_and_within_the_bound(
    batch_size: int, most: int, size: int
) -> None:
    assert baselines.even_part(batch_size, most) == size <= most
    assert batch_size % size != 1
