"""An old params.yaml is told each key's new name."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import WHOLE
from twinview.core import files
from twinview.core.errors import ConfigError
from twinview.settings import params, renamed

Write = Callable[[dict[str, Any]], Path]
KNOWN = files.flatten(WHOLE)
TABLE = dict(renamed.RENAMED)


@pytest.fixture(autouse=True)
def rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """One of each kind: within a section, into another one, and gone."""
    table = {
        "pretrain.rounds": "pretrain.epochs",
        "methods.simclr.backbone": "pretrain.encoder",
        "pretrain.exact": "pretrain.precision",
        "report.colours": "gone: the page has one palette",
    }
    monkeypatch.setattr(renamed, "RENAMED", table)
    monkeypatch.setattr(renamed, "VALUES", {"pretrain.exact": {True: "float32", False: "auto"}})


def faults(path: Path, read: Callable[[Path], Any]) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(path)
    return list(caught.value.faults)


@pytest.mark.parametrize(("old", "new"), renamed.RENAMED.items())
def test_an_old_name_is_no_setting_and_a_new_one_is(old: str, new: str) -> None:
    assert old not in KNOWN
    names = (new,) if isinstance(new, str) else new
    assert all(name in KNOWN or name.removeprefix("gone: ") not in ("", name) for name in names)


@pytest.mark.parametrize("read", [params.check, params.load])
def test_a_renamed_setting_is_one_fault_and_not_called_missing(
    read: Callable[[Path], Any], settings: dict[str, Any], write_params: Write
) -> None:
    del settings["pretrain"]["epochs"]
    path = write_params({"pretrain.rounds": 10})
    assert faults(path, read) == ["pretrain.rounds: is called pretrain.epochs now"]


@pytest.mark.parametrize("old", [True, [1]])
def test_a_renamed_setting_with_other_values_says_them_too(
    old: object, settings: dict[str, Any], write_params: Write
) -> None:
    """A value that was none of the old ones stays, and is refused by itself."""
    del settings["pretrain"]["precision"]
    first, *rest = faults(write_params({"pretrain.exact": old}), params.check)
    assert (
        first
        == "pretrain.exact: is called pretrain.precision now, with float32 for true, auto for false"
    )
    assert [fault.split(":")[0] for fault in rest] == (
        [] if old is True else ["pretrain.precision"]
    )


@pytest.mark.parametrize("old", renamed.VALUES)
def test_values_are_of_renamed_settings(old: str) -> None:
    assert old in TABLE


def test_one_that_moved_and_one_that_is_gone_say_so(
    settings: dict[str, Any], write_params: Write
) -> None:
    del settings["pretrain"]["encoder"]
    path = write_params({"methods.simclr.backbone": "convnet", "report.colours": 3})
    assert faults(path, params.check) == [
        "methods.simclr.backbone: is called pretrain.encoder now",
        "report.colours: is gone, since the page has one palette; delete it",
    ]


def test_other_faults_are_told_beside_it_under_the_new_name(
    settings: dict[str, Any], write_params: Write
) -> None:
    del settings["pretrain"]["epochs"]
    path = write_params({"pretrain.rounds": 0, "pretrain.sead": 1})
    assert faults(path, params.check) == [
        "pretrain.rounds: is called pretrain.epochs now",
        "pretrain.epochs: input should be greater than or equal to 1 (it is 0)",
        "pretrain.sead: there is no such key; did you mean 'seed'?",
    ]


def test_an_old_name_beside_the_new_one_is_refused_too(write_params: Write) -> None:
    path = write_params({"pretrain.rounds": 3})
    assert faults(path, params.check) == ["pretrain.rounds: is called pretrain.epochs now"]


def test_a_file_in_order_is_never_translated(
    write_params: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renamed, "translate", lambda values: pytest.fail("translated"))
    params.load(write_params({}))


def test_what_an_old_file_implies_is_stated_with_the_value_that_it_had(
    settings: dict[str, Any],
) -> None:
    del settings["data"]["modality"], settings["pretrain"]["objective"]
    del settings["objectives"]["none"], settings["evaluate"]["tasks"]
    del settings["evaluate"]["group_folds"]
    settings["evaluate"] |= {"probes": ["linear"], "few_labels": {"propagation": None}}
    del settings["pretrain"]["epochs"]
    settings["pretrain"]["rounds"] = 10
    tree, said = renamed.translate(settings)
    assert said == [
        "pretrain.rounds: is called pretrain.epochs now",
        "data.modality: is new; set it to image for the same results",
        "evaluate.group_folds: is new; set it to null for the same results",
        "evaluate.tasks: is new; set it to [classification, few_labels] for the same results",
        "pretrain.objective: is new; set it to none for the same results",
        "objectives.none: is new; set it to {} for the same results",
    ]
    assert tree["pretrain"]["objective"] == "none" and tree["objectives"]["none"] == {}


def test_a_new_name_has_the_value_of_the_name_that_stood_for_both(settings: dict[str, Any]) -> None:
    del settings["baselines"]["epochs"], settings["baselines"]["batch_size"]
    settings["pretrain"] |= {"epochs": 7, "batch_size": 64}
    tree, said = renamed.translate(settings)
    assert said == [
        "baselines.epochs: is new; set it to 7 for the same results",
        "baselines.batch_size: is new; set it to 64 for the same results",
    ]
    assert tree["baselines"]["epochs"] == 7


def test_a_word_that_has_a_new_name_is_told_and_translated(write_params: Write) -> None:
    path = write_params({"gate.verdicts": ["slow", "learning"]})
    assert faults(path, params.check) == ["gate.verdicts: learning is called healthy now"]
    assert renamed.translate({"gate": {"verdicts": ["slow", "learning"]}})[0]["gate"] == {
        "verdicts": ["slow", "healthy"]
    }
