"""The same training: what makes another one, and what does not."""

from typing import Any

import pytest

from twinview.experiments.identity import SEEDS, digest, with_weights, without_seeds

SETTINGS: dict[str, Any] = {"pretrain.epochs": 3, "pretrain.seed": 0, "baselines.seed": 0}


@pytest.mark.parametrize("seed", SEEDS)
def test_a_seed_makes_another_training_only_where_seeds_count(seed: str) -> None:
    other = SETTINGS | {seed: 1}
    assert digest(other, "d") == digest(SETTINGS, "d")
    assert digest(other, "d", seeded=True) != digest(SETTINGS, "d", seeded=True)


@pytest.mark.parametrize(
    "other",
    [
        digest(SETTINGS | {"pretrain.epochs": 4}, "d", {"src/a.py": "1"}),
        digest(SETTINGS, "other", {"src/a.py": "1"}),
        digest(SETTINGS, None, {"src/a.py": "1"}),
        digest(SETTINGS, "d", {"src/a.py": "2"}),
        digest(SETTINGS, "d", {}),
        digest(SETTINGS, "d"),
    ],
)
def test_settings_data_and_code_make_another_training(other: str) -> None:
    assert other != digest(SETTINGS, "d", {"src/a.py": "1"})


def test_the_order_of_settings_does_not_count() -> None:
    assert digest(dict(reversed(SETTINGS.items())), "d") == digest(SETTINGS, "d")


def test_the_digest_of_a_committed_seeds_file_stays() -> None:
    """Another one would make every reports/seeds.json in git a file of other settings."""
    assert digest({"pretrain.epochs": 3, "pretrain.seed": 7}, "d1") == "e434fcc824e13748"
    assert without_seeds(SETTINGS) == {"pretrain.epochs": 3}


def test_weights_count_by_their_content_where_a_setting_names_a_file_of_them() -> None:
    named = SETTINGS | {"encoders.backbone.weights": "data/weights/a.pth"}
    assert with_weights(SETTINGS, "abcdefgh.dir") == SETTINGS
    assert with_weights(named, None) == named
    assert with_weights(named, "abcdefgh.dir") == named | {
        "encoders.backbone.data/weights": "abcdefg"
    }
