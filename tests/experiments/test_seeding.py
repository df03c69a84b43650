"""Results over seeds: which settings are the same, what fits a run, what is not run twice."""

import copy
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.support.commands import git
from tests.support.workspace import ROOT
from twinview.core import files
from twinview.core.errors import ConfigError, DataError
from twinview.experiments import (
    differences,
    dvc_experiments,
    identity,
    recorded_run,
    seeding,
    seeds,
)
from twinview.experiments.deviation import deviation
from twinview.experiments.provenance import hardware
from twinview.experiments.recorded_run import in_folder
from twinview.experiments.trainings import trainings
from twinview.settings import params

Write = Callable[..., Path]
FILES = [ROOT / "params.yaml", *sorted((ROOT / "recipes").glob("*.yaml"))]
LOCK: dict[str, Any] = {
    "stages": {
        "prepare": {"outs": [{"path": "data/prepared", "md5": "d1", "size": 9}]},
        "pretrain": {"deps": [{"path": "src/a.py", "md5": "1"}]},
    }
}


def results(folder: Path, accuracy: float, raw: float = 0.5) -> None:
    """Writes what a run leaves that the seeds need."""
    (folder / "reports").mkdir(exist_ok=True, parents=True)
    metrics = {"linear": {"accuracy": accuracy, "f1": accuracy}}
    files.save_json(folder / "reports/metrics.json", metrics)
    baselines = {"raw_pixels": {"linear": {"accuracy": raw}}}
    files.save_json(folder / "reports/baselines.json", baselines)
    with (folder / "dvc.lock").open("w") as file:
        YAML().dump(LOCK, file)


def test_seeds_from_before_a_metric_was_measured_speak_for_the_others(folder: Path) -> None:
    """As after an update: metrics.json has validation_accuracy, seeds.json names no hardware."""
    results(folder, 0.9)
    (folder / "params.yaml").write_text("pretrain: {seed: 0}\nbaselines: {seed: 0}\n")
    before = in_folder(folder)
    metrics = {name: [value, value] for name, value in before.results.items()}
    training = identity.digest(before.in_effect, "d1")
    known = {"settings": training, "seeds": [0, 1], "metrics": metrics}
    files.save_json(folder / "reports/seeds.json", known)
    now = {"linear": {"accuracy": 0.9, "f1": 0.9, "validation_accuracy": 0.8}}
    files.save_json(folder / "reports/metrics.json", now)
    found = trainings(in_folder(folder)).values
    assert in_folder(folder).seeds is not None and found["linear.accuracy"] == (0.9, 0.9)
    assert found["linear.validation_accuracy"] == (0.8,)


read_in, read_at = dvc_experiments.folder_reader, dvc_experiments.commit_reader


class Dvc:
    """DVC's experiments as folders; an experiment's accuracy is told by its seed."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.ran: dict[str, dict[str, Any]] = {}
        self.repros: list[tuple[str, ...]] = []
        monkeypatch.setattr(dvc_experiments, "run", self.run)
        monkeypatch.setattr(
            dvc_experiments, "result_commit", lambda name: name if name in self.ran else None
        )
        monkeypatch.setattr(
            dvc_experiments, "commit_reader", lambda made, called: read_in(folder / made)
        )
        monkeypatch.setattr(dvc_experiments, "dvc", lambda *given: self.repros.append(given))
        monkeypatch.setattr(dvc_experiments, "require_git", lambda command: None)
        monkeypatch.setattr(dvc_experiments, "require_committed", lambda command: None)

    def run(self, name: str, changes: dict[str, Any]) -> None:
        assert name not in self.ran
        if changes["pretrain.seed"] == 13:
            raise DataError("`dvc exp run` failed")
        self.ran[name] = changes
        results(self.folder / name, 0.9 + 0.01 * changes["pretrain.seed"])


@pytest.fixture
def dvc(write_params: Write, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Dvc:
    write_params({})
    results(folder, 0.9)
    return Dvc(folder, monkeypatch)


def tree(path: Path = ROOT / "params.yaml") -> dict[str, Any]:
    found: dict[str, Any] = YAML(typ="safe").load(path)
    return found


def digest(settings: dict[str, Any], data: str | None = None) -> str:
    return identity.digest(differences.in_effect(settings), data)


def changed(dotted: str, value: Any) -> dict[str, Any]:
    found = tree()
    *parents, last = dotted.split(".")
    section = found
    for name in parents:
        section = section[name]
    section[last] = value
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.name)
def test_what_is_in_effect_is_what_the_typed_settings_say(file: Path) -> None:
    typed = params.load(file)
    sections = [name for name in params.Params.model_fields if name not in ("gate", "report")]
    expected = files.flatten(typed.chosen(*sections))
    assert differences.in_effect(params.stated(file)) == expected


def test_the_objective_is_in_effect_where_it_is_chosen() -> None:
    found = differences.in_effect(changed("pretrain.objective", "nt_xent"))
    assert "objectives.nt_xent.temperature" in found and "objectives.dcl.temperature" not in found
    assert not any(key.startswith("objectives") for key in differences.in_effect(tree()))


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("pretrain.seed", 5), ("baselines.seed", 5), ("gate.floors", {}), ("report.points", 99),
        ("methods.byol.decay", 0.5), ("encoders.backbone.model", "resnet50"),
        ("baselines.pca_components", 64.0), ("encoders.convnet.widths", [18.0, 64.0, 128.0]),
    ],
)  # fmt: skip
def test_the_digest_is_blind_to_seeds_and_to_what_has_no_effect(setting: str, value: Any) -> None:
    assert digest(changed(setting, value)) == digest(tree())


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("pretrain.epochs", 11), ("methods.simclr.temperature", 0.21), ("data.seed", 1),
        ("views.chain", ["random_resized_crop"]), ("tasks.few_labels.seed", 1),
        ("augmentations.contrast.strength", 0.5), ("probes.knn.neighbours", [11]),
    ],
)  # fmt: skip
def test_the_digest_sees_what_changes_results(setting: str, value: Any) -> None:
    assert digest(changed(setting, value)) != digest(tree())


def test_every_section_of_plugins_is_chosen_from() -> None:
    assert set(differences.PLUGINS) == set(params.PLUGIN_SECTIONS)


def test_the_pipeline_comes_first_and_then_an_experiment_a_seed(dvc: Dvc) -> None:
    known = seeding.run(3)
    assert dvc.repros == [("repro",)]
    assert list(dvc.ran.values()) == [
        {"pretrain.seed": seed, "baselines.seed": seed} for seed in (1, 2)
    ]
    assert known.seeds == (0, 1, 2) and known.settings == digest(tree(), "d1")
    assert known.metrics["linear.accuracy"] == pytest.approx((0.9, 0.91, 0.92))
    assert known.metrics["raw_pixels.linear.accuracy"] == (0.5, 0.5, 0.5)
    assert in_folder().seeds_file == known


def test_further_seeds_follow_the_own_ones(dvc: Dvc, write_params: Write) -> None:
    write_params({"pretrain.seed": 7, "baselines.seed": 3})
    assert seeding.run(2).seeds == (7, 8)
    assert list(dvc.ran.values()) == [{"pretrain.seed": 8, "baselines.seed": 4}]


def test_what_has_been_trained_is_not_trained_again(dvc: Dvc) -> None:
    seeding.run(2)
    (first,) = dvc.ran
    assert seeding.run(3).seeds == (0, 1, 2) and list(dvc.ran)[:1] == [first]
    assert seeding.run(2).seeds == (0, 1), "and Dvc.run refuses what has been run"


def other_lock(stage: str, kind: str) -> None:
    """Writes a dvc.lock with another hash of what the stage loads, or makes."""
    lock = copy.deepcopy(LOCK)
    lock["stages"][stage][kind][0]["md5"] = "other"
    YAML().dump(lock, Path("dvc.lock"))


@pytest.mark.parametrize("what", ["settings", "code", "data"])
def test_other_settings_code_or_data_are_trained_anew(
    what: str, dvc: Dvc, write_params: Write
) -> None:
    seeding.run(2)
    if what == "settings":
        write_params({"pretrain.epochs": 11})
    else:
        other_lock(*(("pretrain", "deps") if what == "code" else ("prepare", "outs")))
    seeding.run(2)
    assert len(dvc.ran) == 2


def test_a_training_that_fails_leaves_the_results_so_far(dvc: Dvc, write_params: Write) -> None:
    write_params({"pretrain.seed": 11})
    with pytest.raises(DataError, match="failed"):
        seeding.run(5)
    left = in_folder().seeds_file
    assert left is not None and left.seeds == (11, 12)


@pytest.mark.parametrize("count", [-1, 0, 1])
def test_one_training_has_no_spread(count: int, dvc: Dvc) -> None:
    with pytest.raises(ConfigError, match=f"at least 2 seeds for a spread, not {count}"):
        seeding.run(count)
    assert not dvc.repros


def test_what_dvc_does_not_keep_is_said(dvc: Dvc, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a shallow clone DVC ends well and keeps nothing."""
    monkeypatch.setattr(dvc_experiments, "run", lambda name, changes: None)
    with pytest.raises(DataError, match="git fetch --unshallow"):
        seeding.run(2)


def test_the_file_speaks_for_its_own_run(dvc: Dvc) -> None:
    known = seeding.run(3)
    assert in_folder().seeds == known
    assert str(known.interval("linear.accuracy")) == "0.910 ± 0.025"


def test_the_file_speaks_for_any_of_its_seeds(dvc: Dvc, write_params: Write, folder: Path) -> None:
    seeding.run(3)
    write_params({"pretrain.seed": 2, "baselines.seed": 2})
    results(folder, 0.92)
    assert in_folder().seeds is not None


@pytest.mark.parametrize("what", ["settings", "results", "baselines", "seed", "data"])
def test_the_file_does_not_speak_for_another_run(
    what: str, dvc: Dvc, write_params: Write, folder: Path
) -> None:
    seeding.run(3)
    if what == "settings":
        write_params({"pretrain.epochs": 11})
    elif what == "seed":
        write_params({"pretrain.seed": 3})
    elif what == "data":
        other_lock("prepare", "outs")
    else:
        results(folder, *((0.901,) if what == "results" else (0.9, 0.51)))
    assert in_folder().seeds is None
    assert in_folder().seeds_file is not None


def test_without_the_file_nothing_is_known(folder: Path) -> None:
    assert in_folder(folder).seeds is None


@pytest.mark.parametrize(
    "text",
    [
        "{", "[]", '{"settings": "a", "seeds": [0]}',
        '{"settings": "a", "seeds": [0, 1], "metrics": {"linear.accuracy": [0.5]}}',
        '{"settings": "a", "seeds": [], "metrics": {}}',
        '{"settings": "a", "seeds": [0], "metrics": {"linear.accuracy": ["high"]}}',
    ],
)  # fmt: skip
def test_a_broken_file_is_named_with_the_remedy(text: str, folder: Path) -> None:
    (folder / "reports").mkdir()
    (folder / seeds.FILE).write_text(text)
    with pytest.raises(DataError, match=r"reports/seeds\.json is broken.*writes it anew"):
        _ = in_folder(folder).seeds


def measured(*accuracies: float) -> None:
    """Writes reports/seeds.json as another machine measured it, of the settings of the folder."""
    values = {"linear.accuracy": accuracies, "raw_pixels.linear.accuracy": (0.4,) * len(accuracies)}
    known = seeds.Seeds(
        digest(tree(Path("params.yaml")), "d1"),
        tuple(range(len(accuracies))),
        values,
        "2 cores, another",
        "torch 1",
    )
    files.save_json(seeds.FILE, asdict(known))


@pytest.mark.parametrize(
    ("accuracies", "beyond"),
    [
        ((0.901, 0.900, 0.902), ()),
        ((0.905, 0.9051, 0.9049), ("linear.accuracy",)),
        ((0.905,), None),
    ],
)
def test_the_same_training_of_another_machine_is_told_with_its_distance(
    accuracies: tuple[float, ...], beyond: Any, dvc: Dvc
) -> None:
    measured(*accuracies)
    found = deviation(in_folder())
    assert found is not None and found.reference.hardware == "2 cores, another"
    assert found.gaps == {"linear.accuracy": pytest.approx(0.9 - accuracies[0])}
    assert found.outside == beyond and in_folder().seeds is None


def test_only_the_same_training_with_other_results_deviates(dvc: Dvc, write_params: Write) -> None:
    assert deviation(in_folder()) is None, "there is no file"
    seeding.run(2)
    assert deviation(in_folder()) is None, "the file is of these results"
    measured(0.8, 0.81)
    write_params({"pretrain.epochs": 3})
    assert deviation(in_folder()) is None, "the file is of other settings"


def test_the_seeds_say_which_machine_measured_them(dvc: Dvc) -> None:
    assert seeding.run(2).hardware == hardware()


def test_a_commit_is_read_like_a_folder(
    dvc: Dvc, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = seeding.run(2)
    git("init", "-q")
    git("add", "-A")
    git("commit", "-qm", "results")
    Path("params.yaml").write_text("changed: {}")
    monkeypatch.setattr(dvc_experiments, "commit_reader", read_at)
    assert recorded_run.at("HEAD", "HEAD").seeds == known


@pytest.mark.parametrize("value", [None, "high", [1], True])
def test_a_metric_that_is_no_number_is_named(value: Any, folder: Path) -> None:
    results(folder, value)
    with pytest.raises(DataError, match=r"reports/metrics\.json: linear\.accuracy is .*no number"):
        _ = in_folder(folder).results


@pytest.mark.parametrize("text", ["[1]", "a: [", ""])
def test_params_that_are_no_mapping_are_refused(text: str, folder: Path) -> None:
    (folder / "params.yaml").write_text(text)
    with pytest.raises(DataError, match=r"params\.yaml"):
        _ = in_folder(folder).settings


def test_metrics_keep_every_bit(dvc: Dvc, folder: Path) -> None:
    results(folder, 1 / 3)
    seeding.run(2)
    kept = json.loads(seeds.FILE.read_text())["metrics"]["linear.accuracy"]
    assert kept[0] == 1 / 3
