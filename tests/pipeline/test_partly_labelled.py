"""Data of which some examples have labels, in groups: measures count these, in all divisions."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from ruamel.yaml import YAML

from pipeline import baselines
from tests.support import unlabelled
from twinview.core import files, paths
from twinview.core.csv_files import load_rows
from twinview.core.errors import ConfigError
from twinview.core.types import NO_LABEL, Split
from twinview.data import split_writer
from twinview.data.splits import Prepared
from twinview.models import probe
from twinview.models.probe import Probe
from twinview.reporting.data_card import contact_sheet, data_card

TASKS = ["classification", "few_labels", "propagation", "geometry"]


def partly_labelled(prepared: Prepared, every: int = 2) -> Prepared:
    """One of `every` examples has a label, and 8 successive examples are a group."""

    def change(split: Split) -> Split:
        assert split.labels is not None
        labels = torch.where(torch.arange(len(split)) % every == 0, split.labels, NO_LABEL)
        return replace(split, labels=labels, groups=split.ids // 8)

    return replace(prepared, splits={n: change(split) for n, split in prepared.splits.items()})


def write_settings(group_folds: int | None = 5, tasks: list[str] = TASKS) -> None:
    unlabelled.write_settings(Path(), tasks)
    tree = YAML(typ="safe").load(Path("params.yaml").read_text())
    tree["evaluate"]["group_folds"] = group_folds
    tree["pretrain"] |= {"epochs": 2, "batch_size": 64}
    tree["tasks"]["classification"]["measures"] = ["accuracy", "f1", "roc_auc"]
    tree["tasks"]["few_labels"] |= {"per_class": [2], "draws": 2}
    few = {"per_class": [2], "draws": 2, "neighbours": 4, "pca_components": 4}
    tree["tasks"]["propagation"] |= few
    tree["probes"]["knn"]["pca_components"] = [0]
    tree["encoders"]["convnet"] |= {"widths": [4, 8], "strides": [2, 2], "pool_size": 2}
    with Path("params.yaml").open("w") as file:
        YAML().dump(tree, file)


def write_views() -> None:
    """The views of the shapes: as they are, so that the supervised baseline has something."""
    paths.VIEWS.mkdir(parents=True)
    plan = {"seed": 0, "chain": []}
    files.save_json(paths.VIEWS / "index.json", {"mode": "live", "plan": plan})


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory, shapes: Prepared) -> str:
    """What the stages print; the project is the current folder of this module's tests."""
    folder, lines = tmp_path_factory.mktemp("partly"), []
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr("builtins.print", lambda *words, **_: lines.append(str(words[0])))
        write_settings()
        write_views()
        unlabelled.run_stages(partly_labelled(shapes))
    return "\n".join([str(folder), *lines])


@pytest.fixture(autouse=True)
def _in_folder(said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(said.partition("\n")[0])


def test_every_task_and_baseline_is_there_and_nothing_is_left_out(said: str) -> None:
    metrics, others = files.load_json(paths.METRICS), files.load_json(paths.BASELINE_METRICS)
    assert list(metrics) == ["linear", "knn", "labels_2", "propagated_2", "geometry"]
    assert set(others) == {"raw_pixels", "pca_4", "random_encoder", "supervised"}
    assert metrics["labels_2"].keys() >= {"accuracy", "f1", "spread_over_draws"}
    evaluation = files.load_json(paths.EVALUATION)
    assert "left_out" not in evaluation and "left out" not in said
    counts = "48 of 96 in train, 24 of 48 in validation, 48 of 96 in test"
    note = f"only some examples have a label ({counts}), and measures count these"
    assert evaluation["notes"] == [note] and f"evaluate: {note}" in said
    assert "baselines: supervised learns from 48 of 96 train examples" in said


def test_every_test_example_is_predicted_and_labelled_ones_are_scored() -> None:
    rows, found = load_rows(paths.PREDICTIONS), files.load_json(paths.EVALUATION)
    assert len(rows) == 96 and Counter(row["actual"] == "" for row in rows)[True] == 48
    assert all(row["linear"] for row in rows)
    known = [row for row in rows if row["actual"]]
    right = sum(row["linear"] == row["actual"] for row in known) / len(known)
    ours = found["contenders"]["encoder"]["linear"]
    assert ours["accuracy"] == pytest.approx(right)
    assert sum(map(sum, ours["confusion"])) == 48


def test_the_probe_for_use_knows_all_classes() -> None:
    saved = probe.load(paths.PROBE)
    assert isinstance(saved, Probe) and saved.classes == ("bars", "columns", "checks")


def test_measures_over_divisions_by_groups_stand_beside_those_of_the_first() -> None:
    metrics, others = files.load_json(paths.METRICS), files.load_json(paths.BASELINE_METRICS)
    details = files.load_json(paths.EVALUATION)["contenders"]
    for entry in ("linear", "knn"):
        for measure in ("accuracy", "f1", "roc_auc"):
            mean = metrics[entry][f"{measure}_over_groups"]
            drawn = details["encoder"][entry]["over_groups"][measure]
            assert len(drawn["draws"]) == 5 and mean == pytest.approx(sum(drawn["draws"]) / 5)
            assert drawn["interval"][0] < mean < drawn["interval"][1]
            assert f"{measure}_over_groups" in others["raw_pixels"][entry]
    assert "accuracy_over_groups" not in metrics["labels_2"]
    assert "accuracy_over_groups" not in others["supervised"]["linear"]


def test_the_data_card_counts_labels_and_the_contact_sheet_shows_labelled_ones(
    shapes: Prepared,
) -> None:
    prepared = partly_labelled(shapes)
    card = data_card(prepared, "shapes")["splits"]["train"]
    assert card["labelled"] == 48 and sum(card["classes"].values()) == 48
    assert json.dumps(card)
    assert contact_sheet(prepared).size[0] > 0


@pytest.mark.parametrize(
    ("groups", "said_of"),
    [(None, "no groups"), (torch.zeros(96, dtype=torch.int64), "1 group")],
)
def test_too_few_groups_are_refused_before_the_training(
    groups: torch.Tensor | None, said_of: str, shapes: Prepared, folder: Path
) -> None:
    write_settings(tasks=["classification"])
    prepared = partly_labelled(shapes)
    parts = {
        name: replace(part, groups=None if groups is None else groups[: len(part)])
        for name, part in prepared.splits.items()
    }
    split_writer.save(paths.PREPARED, replace(prepared, splits=parts))
    with pytest.raises(ConfigError, match=rf"evaluate\.group_folds is 5, but .* have {said_of}"):
        baselines.main()
    assert not paths.BASELINES.exists()


def test_options_that_the_labels_rule_out_are_refused_together_before_the_training(
    shapes: Prepared, folder: Path
) -> None:
    write_settings(group_folds=None)
    prepared = partly_labelled(shapes, every=32)
    test = prepared.splits["test"]
    assert test.labels is not None
    one = replace(test, labels=torch.where(test.labels == 0, 0, NO_LABEL))
    split_writer.save(paths.PREPARED, replace(prepared, splits={**prepared.splits, "test": one}))
    with pytest.raises(ConfigError) as caught:
        baselines.main()
    text = str(caught.value)
    assert "measures: has roc_auc, which needs two classes" in text
    assert "tasks.few_labels.per_class: asks for 2 labels a class, but the class" in text
    assert "tasks.propagation.per_class" in text and not paths.BASELINES.exists()
