"""The probe's files, and that it answers as the one that test was read with."""

import re
import weakref
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.support.features import overlapping
from tests.support.predicted import linear
from twinview.core.errors import DataError
from twinview.core.types import Embeddings
from twinview.evaluation.logistic import fit
from twinview.models import probe
from twinview.models.probe import Probe

CLASSES = ("a", "b", "c")
TRAIN, VALIDATION, TEST = overlapping(300), overlapping(90, seed=1), overlapping(200, seed=2)
SPLITS = {"train": TRAIN, "validation": VALIDATION, "test": TEST}
GRID = {"C": [0.0003, 0.1]}


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    probe.save(tmp_path / "probe", fitted(), {"C": 0.1})
    return tmp_path / "probe"


def fitted() -> Probe:
    return probe.with_class_names(fit(TRAIN, 0.1), CLASSES)


def test_a_fit_is_kept_as_long_as_its_rows_and_of_no_other_labels() -> None:
    rows = TRAIN.take(torch.arange(len(TRAIN)))
    kept = fit(rows, 0.1)
    assert fit(rows, 0.1) is kept and fit(rows, 1.0) is not kept
    assert not torch.equal(
        fit(replace(rows, labels=rows.required_labels().flip(0)), 0.1).weights, kept.weights
    )
    features = weakref.ref(rows.features)
    del rows
    assert features() is None


def test_probabilities_are_a_softmax_whose_largest_is_the_label() -> None:
    said = fitted().probabilities(TEST.features)
    assert torch.allclose(said.sum(1), torch.ones(len(TEST))) and said.min() >= 0
    assert torch.equal(said.argmax(1), linear(TRAIN, TEST.features, C=0.1))
    logits = fitted().model.logits(TEST.features)
    # exp(difference of logits) is the odds, whatever the other classes.
    assert torch.allclose((logits[:, 0] - logits[:, 2]).exp(), said[:, 0] / said[:, 2], rtol=1e-3)


def load(folder: Path) -> Probe:
    """The probe of a folder that has one."""
    loaded = probe.load(folder)
    assert isinstance(loaded, Probe)
    return loaded


def test_what_is_loaded_answers_as_what_was_saved(saved: Path) -> None:
    loaded = load(saved)
    # In another order in memory, equal weights give other last bits.
    assert fitted().model.weights.is_contiguous()
    assert loaded.classes == CLASSES
    said = loaded.probabilities(TEST.features)
    assert torch.equal(said, fitted().probabilities(TEST.features))


def test_equal_probes_give_equal_bytes_and_no_pickle(saved: Path, tmp_path: Path) -> None:
    probe.save(tmp_path / "again", load(saved), {"C": 0.1})
    assert sorted(path.name for path in saved.iterdir()) == ["probe.json", "probe.safetensors"]
    for path in saved.iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes()


def test_last_classes_without_rows_have_no_probability() -> None:
    two = TRAIN.take((TRAIN.required_labels() < 2).nonzero().squeeze(1))
    assert probe.with_class_names(fit(two, 0.1), CLASSES).classes == ("a", "b")


@pytest.mark.parametrize("edit", [('"c"', '"c", "d"'), ('"width": 6', '"width": 7')])
def test_weights_and_description_of_two_probes_are_refused(
    edit: tuple[str, str], saved: Path
) -> None:
    text = (saved / "probe.json").read_text()
    (saved / "probe.json").write_text(text.replace(*edit))
    with pytest.raises(DataError, match=r"probe\.safetensors holds .* where probe\.json says"):
        probe.load(saved)


@pytest.mark.parametrize("text", ["{}", "[]", '{"classes": 3, "width": 6}'])
def test_a_file_that_describes_no_probe_is_refused(text: str, saved: Path) -> None:
    (saved / "probe.json").write_text(text)
    with pytest.raises(DataError, match=r"probe\.json (does not describe a probe|has no)"):
        probe.load(saved)


@pytest.mark.parametrize("name", ["probe.json", "probe.safetensors"])
def test_a_missing_file_is_named(name: str, saved: Path) -> None:
    (saved / name).unlink()
    with pytest.raises(DataError, match=f"{re.escape(name)} is missing"):
        probe.load(saved)


def test_a_constant_feature_has_no_say() -> None:
    constant = Embeddings(
        torch.cat([TRAIN.features, torch.ones(300, 1)], 1), TRAIN.labels, TRAIN.ids
    )
    own = probe.with_class_names(fit(constant, 0.1), CLASSES)
    moved = replace(constant, features=constant.features + torch.eye(7)[6])
    assert own.probabilities(moved.features).isfinite().all()


def test_a_folder_without_a_probe_says_why(tmp_path: Path) -> None:
    absent = probe.NoProbe("the data have no labels")
    probe.save_none(tmp_path / "probe", absent)
    assert probe.load(tmp_path / "probe") == absent
    assert [file.name for file in (tmp_path / "probe").iterdir()] == [probe.DESCRIPTION]
