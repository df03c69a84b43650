"""What is proposed for a folder of pictures: sizes, views, encoder, batches and minutes."""

import math
from typing import Any

import pytest
import torch

from tests.support.workspace import ROOT
from twinview.core import registry
from twinview.pictures import proposal
from twinview.pictures.proposal import Regime, propose, settings_by_size
from twinview.settings import params

BASE = params.stated(ROOT / "params.yaml")


def merged(settings: dict[str, Any]) -> Any:
    tree: Any = params.stated(ROOT / "recipes/pictures.yaml")
    for dotted, value in settings.items():
        *parents, last = dotted.split(".")
        section = tree
        for name in parents:
            section = section[name]
        assert last in section, dotted
        section[last] = value
    return tree


@pytest.mark.parametrize(
    ("median", "side"), [(8, 32), (48, 32), (49, 64), (80, 64), (81, 96), (4000, 96)]
)
def test_the_size_follows_the_median_side(median: int, side: int) -> None:
    assert settings_by_size(2000, median, 3)["data.size"] == side


def test_blur_comes_with_64_pixels_and_colour_with_three_channels() -> None:
    colour = {"saturation", "hue", "grey"}
    for median in (32, 64, 500):
        for channels in (1, 3):
            chosen = settings_by_size(2000, median, channels)
            chain = set(chosen["views.chain"])
            assert ("gaussian_blur" in chain) == (chosen["data.size"] >= 64)
            assert chain & colour == (colour if channels == 3 else set())


@pytest.mark.parametrize("regime", proposal.REGIMES)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("count", [100, 2000, 20_000, 10**6])
def test_the_settings_are_in_order(regime: Regime, channels: int, count: int) -> None:
    proposed = propose(count, regime.side, channels, rate=400).settings
    params.parse(params.whole_model(), merged(proposed), "the proposal")


@pytest.mark.parametrize("regime", proposal.REGIMES)
def test_the_last_maps_are_of_6_to_8_pixels_at_every_size(regime: Regime) -> None:
    options = {
        "widths": regime.widths,
        "strides": regime.strides,
        "norm": "batch",
        "first_layer": "learned",
    }
    options |= {"pool_size": regime.pool_size, "pooled_layers": 2}
    network = registry.bind("encoders", "convnet", options)((3, regime.side, regime.side))
    maps = network.features(torch.zeros(2, 3, regime.side, regime.side))
    assert 6 <= maps.shape[2] <= 8 and network.dim <= 3072


@pytest.mark.parametrize(("count", "minutes"), [(2000, 1.5), (20_000, 7.5)])
@pytest.mark.parametrize("rate", [200, 400, 1000])
def test_the_same_pictures_take_the_same_minutes_on_any_machine(
    count: int, minutes: float, rate: float
) -> None:
    proposed = propose(count, 300, 3, rate)
    assert proposed.minutes == pytest.approx(minutes, rel=0.12)  # epochs are whole
    epochs = proposed.settings["pretrain.epochs"]
    assert proposed.minutes == pytest.approx(epochs * 0.8 * count / rate / 60)


def test_a_slow_machine_still_gets_some_epochs_and_a_fast_one_not_without_end() -> None:
    assert propose(10**6, 300, 3, rate=10).settings["pretrain.epochs"] == 4
    assert propose(100, 300, 3, rate=10_000).settings["pretrain.epochs"] == 200


@pytest.mark.parametrize(
    ("examples", "size"),
    [(5, 5), (16, 16), (100, 16), (256, 32), (1600, 128), (2048, 256), (10**6, 256)],
)
def test_an_epoch_has_eight_batches_or_more_where_there_are_enough_examples(
    examples: int, size: int
) -> None:
    assert proposal.batch_size(examples) == size


def test_minutes_never_fall_with_more_pictures() -> None:
    minutes = [proposal.target_minutes(round(10 ** (0.1 * k))) for k in range(70)]
    assert minutes == sorted(minutes) and minutes[0] == 1 and minutes[-1] == 60
    assert math.isclose(proposal.target_minutes(2000), 1.5)
