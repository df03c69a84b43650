"""The supervised baseline trains in the memory that `pretrain.micro_batch` allows."""

from pathlib import Path

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


def rows_of_passes(prepared: Prepared, batch_size: int, micro_batch: int | None) -> list[int]:
    """How many examples the encoder gets in each pass of the training."""
    unlabelled.write_settings(Path(), ["classification"])
    tree = YAML(typ="safe").load(Path("params.yaml").read_text())
    tree["baselines"] |= {"epochs": 1, "batch_size": batch_size}
    tree["pretrain"] |= {"micro_batch": micro_batch, "batch_size": 96}
    with Path("params.yaml").open("w") as file:
        YAML().dump(tree, file)
    settings, rows = params.load(), list[int]()
    described = encoder.Description.for_data(
        prepared, settings.pretrain.encoder, settings.encoders[settings.pretrain.encoder]
    )
    network = encoder.build(described, 0)

    def note(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        rows.append(len(inputs[0]))

    network.register_forward_pre_hook(note)
    baselines.train(settings, prepared, network, torch.device("cpu"))
    return rows


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


@pytest.mark.parametrize(
    ("batch_size", "most", "size"), [(256, 256, 256), (256, 100, 86), (33, 32, 17), (8, 64, 8)]
)
def test_the_parts_of_a_batch_are_even_and_within_the_bound(
    batch_size: int, most: int, size: int
) -> None:
    assert baselines.even_part(batch_size, most) == size <= most
    assert batch_size % size != 1
