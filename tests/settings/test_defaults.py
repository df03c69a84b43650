"""The settings of a training from Python are those of params.yaml, with some changed."""

from typing import Any

import pytest

from tests.support.workspace import ROOT
from twinview.core.errors import ConfigError
from twinview.settings import defaults, params


def test_the_defaults_are_the_file_params_yaml() -> None:
    assert defaults.FILE.resolve() == ROOT / "params.yaml"


def test_without_changes_a_training_has_what_params_yaml_states() -> None:
    own, stated = defaults.with_changes({}), params.load(ROOT / "params.yaml")
    assert own.chosen(*defaults.TRAINING_SECTIONS) == stated.chosen(*defaults.TRAINING_SECTIONS)


def test_a_change_is_one_value() -> None:
    own = defaults.with_changes({"methods.simclr.temperature": 0.5, "pretrain.epochs": 3})
    assert own.methods["simclr"] == {"temperature": 0.5, "views": 2} and own.pretrain.epochs == 3
    assert own.pretrain.batch_size == defaults.with_changes({}).pretrain.batch_size


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("pretrain.epoch", 1, r"pretrain\.epoch: there is no such key; did you mean 'epochs'"),
        ("pretrain.epochs", 0, r"pretrain\.epochs: input should be greater .* \(it is 0\)"),
        ("pretrain.method", "simclear", "has no 'simclear'; did you mean 'simclr'"),
        ("methods.simclr.temprature", 1.0, "did you mean 'temperature'"),
        ("methods.simclear.temperature", 1.0, "did you mean 'simclr'"),
        ("method.simclr.temperature", 1.0, "reads no section 'method'; did you mean 'methods'"),
        ("report.points", 20, "reads no section 'report'"),
        ("pretrain", {}, r"pretrain: is no setting; name one, such as pretrain\.epochs"),
        ("pretrain.epochs.first", 1, r"pretrain\.epochs\.first: is no setting"),
        ("pretrain.warmup_epochs", 6, "but the training ends after pretrain.epochs: 6"),
    ],
)
def test_what_params_yaml_could_not_have_is_refused(name: str, value: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        defaults.with_changes({name: value})
