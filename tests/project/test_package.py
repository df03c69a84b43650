"""What `import twinview` gives, and what it costs."""

import os
import sys
from pathlib import Path

import pytest
import torch

import twinview
from tests.support.commands import output
from tests.support.used import pictures, save_models
from twinview.core import paths
from twinview.core.errors import ConfigError
from twinview.data import split_writer
from twinview.data.splits import Prepared


def test_importing_twinview_loads_no_torch_and_sets_nothing() -> None:
    """What is there to use is known, and not loaded."""
    code = (
        "import os, sys; before, loaded = dict(os.environ), set(sys.modules)\n"
        "import twinview; assert set(twinview.__all__) <= set(dir(twinview))\n"
        "assert not {'torch', 'numpy', 'mlflow', 'dvc', 'sklearn'} & (set(sys.modules) - loaded)\n"
        "assert os.environ == before, set(os.environ) ^ set(before)"
    )
    environment = {k: v for k, v in os.environ.items() if "MLFLOW" not in k}
    output(sys.executable, "-c", code, env=environment)


@pytest.mark.parametrize("name", twinview.__all__)
def test_what_is_public_is_there_and_says_how_it_is_used(name: str) -> None:
    assert getattr(twinview, name).__name__ == name
    assert "Examples" in getattr(twinview, name).__doc__


def test_what_is_not_public_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        twinview.trian  # noqa: B018


def test_load_encoder_gives_the_encoder_that_was_saved(folder: Path) -> None:
    saved = save_models(folder).encoder
    loaded = twinview.load_encoder("encoder")
    assert torch.equal(loaded(pictures()), saved(pictures())) and not loaded.training


def test_a_predictor_is_loaded_from_a_folder_s_name(folder: Path) -> None:
    saved = save_models(folder)
    assert torch.equal(
        twinview.Predictor.load(".").features(pictures()), saved.features(pictures())
    )


def test_load_split_gives_the_inputs_and_labels_of_the_split(
    folder: Path, shapes: Prepared
) -> None:
    split_writer.save(paths.PREPARED, shapes)
    for name, split in shapes.splits.items():
        pictures, labels = twinview.load_split(name)
        assert labels is not None and split.labels is not None
        assert pictures.equal(split.inputs) and labels.equal(split.labels)


def test_load_split_refuses_a_name_that_is_no_split(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"no split 'tests'; .* train, validation, test"):
        twinview.load_split("tests")
