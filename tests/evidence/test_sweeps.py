"""Sweeps: what is trained, what is not trained twice, and what is said of it."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.support.commands import git
from tests.support.workspace import ROOT
from twinview.core import registry
from twinview.core.errors import ConfigError
from twinview.evidence import scoreboard, sweeps
from twinview.evidence.encoder_passes import passes_of
from twinview.evidence.sweep_experiment import Experiment
from twinview.evidence.sweep_tables import BASELINES, METRICS, note, scores, table
from twinview.evidence.sweeps import plan
from twinview.experiments import dvc_experiments
from twinview.settings import params

LONG = Path("recipes/long.yaml")
SETTINGS = params.load(ROOT / "params.yaml")


class Dvc:
    """DVC's experiments, in a dictionary; the accuracy of each is told by its settings."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ran: dict[str, dict[str, Any]] = {}
        monkeypatch.setattr(dvc_experiments, "run", self.run)
        monkeypatch.setattr(
            dvc_experiments, "base_commit", lambda name: "abc" if name in self.ran else None
        )
        monkeypatch.setattr(dvc_experiments, "result_commit", lambda name: name)
        monkeypatch.setattr(
            dvc_experiments, "commit_reader", lambda name, called: partial(self.read, name)
        )
        monkeypatch.setattr(dvc_experiments, "read_cached", lambda digest: '{"seconds": 120.0}')
        monkeypatch.setattr(dvc_experiments, "require_committed", lambda command: None)

    def run(self, name: str, changes: dict[str, Any], *stages: str) -> None:
        assert name not in self.ran and stages == ("evaluate",)
        self.ran[name] = changes

    def read(self, name: str, path: Path) -> str:
        changes = self.ran[name]
        best = changes.get("pretrain.method") == "byol"
        ours = {"accuracy": 0.8 + 0.1 * best + 0.02 * changes["pretrain.seed"]}
        ours |= {"f1": 0.3 + 0.1 * changes["pretrain.seed"]}
        ours |= {"validation_accuracy": 0.7 + 0.1 * (changes.get("pretrain.method") == "moco")}
        tasks = dict.fromkeys((name.partition(".")[0] for name in scoreboard.METRICS), ours)
        trained = {"path": "models/pretrain_run.json", "md5": "a", "size": 1}
        files = {
            "metrics.json": tasks,
            "baselines.json": {
                name: {key: {"accuracy": 0.5, "f1": 0.2} for key in tasks} for name in BASELINES
            },
            "dvc.lock": {"stages": {"pretrain": {"outs": [trained]}}},
        }
        return json.dumps(files[path.name])


@pytest.fixture
def dvc(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Dvc:
    """In a folder with our settings and an empty reports/."""
    (folder / "reports").mkdir()
    (folder / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    return Dvc(monkeypatch)


def test_passes_count_every_view_by_every_network() -> None:
    found = {
        name: passes_of(SETTINGS, name) for name in ("simclr", "cross_entropy", "byol", "moco")
    }
    assert found == {"simclr": 2, "cross_entropy": 1, "byol": 4, "moco": 2}


def test_every_method_has_the_same_number_of_passes_and_every_seed_its_turn() -> None:
    planned = list(plan("methods", SETTINGS, 4, 2))
    names = [name for name in registry.names("methods") if name != "siamese"]
    assert [one.label for one in planned] == names * 2
    for one in planned:
        assert one.changes["pretrain.method"] == one.label
        assert one.changes["pretrain.objective"] == "none"
        assert one.changes["pretrain.epochs"] * passes_of(SETTINGS, one.label) == 8
        counts = one.changes["tasks.few_labels.per_class"]
        drawn = {f"labels_{count}.accuracy" for count in counts}
        assert {name for name in METRICS if name.startswith("labels")} == drawn
        assert "propagation" not in one.changes["evaluate.tasks"]
    for key in ("pretrain.seed", "baselines.seed"):
        assert [one.changes[key] for one in planned] == [0] * len(names) + [1] * len(names)


def test_all_experiments_of_a_seed_share_their_baselines() -> None:
    planned = list(plan("methods", SETTINGS, 4, 2))
    changed = {key for one in planned for key in one.changes if key.startswith("baselines.")}
    assert changed == {"baselines.seed"}


@pytest.mark.parametrize(
    ("epochs", "spent", "fitting"),
    [(0, "barlow_twins 0", 2), (1, "byol 0.5", 2), (3, "byol 1.5", 4)],
)
def test_epochs_that_do_not_divide_or_end_in_the_warm_up_are_refused(
    epochs: int, spent: str, fitting: int
) -> None:
    said = f"{spent.replace(' ', ' would train for ')} epochs .* suits all is {fitting}"
    with pytest.raises(ConfigError, match=said):
        list(plan("methods", SETTINGS, epochs, 1))


def test_every_objective_is_trained_under_siamese() -> None:
    planned = list(plan("objectives", SETTINGS, 3, 1))
    assert [one.changes["pretrain.objective"] for one in planned] == registry.names("objectives")
    assert {one.changes["pretrain.method"] for one in planned} == {"siamese"}


def test_an_experiment_is_named_by_all_of_its_settings() -> None:
    def name(settings: params.Params, seed: int) -> str:
        return Experiment.of("sup_con", settings, {"pretrain.seed": seed}).name

    other = SETTINGS.model_copy(
        update={"pretrain": SETTINGS.pretrain.model_copy(update={"epochs": 3})}
    )
    assert name(SETTINGS, 0) == name(SETTINGS, 0) and name(SETTINGS, 0).startswith("sup-con-")
    assert len({name(SETTINGS, 0), name(SETTINGS, 1), name(other, 0)}) == 3


@pytest.mark.parametrize("section", ["gate", "report", "methods"])
def test_an_experiment_s_name_is_blind_to_settings_without_effect(section: str) -> None:
    """A new floor of the gate, or an option of byol, makes no training of SimCLR a new one."""
    others = {
        "gate": SETTINGS.gate.model_copy(update={"floors": {}}),
        "report": SETTINGS.report.model_copy(update={"points": 7}),
        "methods": SETTINGS.methods | {"byol": SETTINGS.methods["byol"] | {"decay": 0.5}},
    }
    other = SETTINGS.model_copy(update={section: others[section]})

    def names(changes: dict[str, Any]) -> set[str]:
        return {Experiment.of("x", settings, changes).name for settings in (SETTINGS, other)}

    assert len(names({"pretrain.seed": 0})) == 1
    assert len(names({"pretrain.method": "byol"})) == (2 if section == "methods" else 1)


def test_an_experiment_is_named_by_the_committed_code(folder: Path) -> None:
    def name(path: str) -> str:
        Path(path).parent.mkdir(exist_ok=True)
        with Path(path).open("a") as file:
            file.write("changed\n")
        for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", path]):
            git(*command)
        return Experiment.of("simclr", SETTINGS, {}).name

    name("src/a.py")
    first = name("pipeline/b.py")
    assert name("README.md") == first
    assert len({first, name("src/a.py"), name("pipeline/b.py")}) == 3


@pytest.mark.parametrize("swept", [sweeps.long, partial(sweeps.sweep, "methods", 4)])
def test_a_sweep_without_a_seed_is_refused(dvc: Dvc, swept: Callable[[int], None]) -> None:
    with pytest.raises(ConfigError, match="at least 1 seed, not 0"):
        swept(0)


def test_a_sweep_goes_on_where_it_was_left(dvc: Dvc) -> None:
    sweeps.sweep("methods", 4, 1)
    first = len(dvc.ran)
    assert first == len(registry.names("methods")) - 1
    sweeps.sweep("methods", 4, 2)
    assert len(dvc.ran) == 2 * first, "and Dvc.run refuses what has been run"
    kept = json.loads(Path("reports/scoreboard.json").read_text())
    assert kept["methods.byol.knn.accuracy"]["value"] == pytest.approx(0.91)
    assert kept["methods.byol.knn.accuracy"]["n"] == 2
    assert kept["methods.simclr.linear.accuracy"]["command"] == (
        "twinview sweep methods --epochs 4 --seeds 2"
    )
    assert kept["methods.simclr.linear.accuracy"]["commit"] == "abc"
    page = Path("reports/methods.md").read_text()
    assert page.startswith(f"{table('methods', list(plan('methods', SETTINGS, 4, 2)))}\n\nMeans ")
    assert "(n = 2)" in page
    assert "`twinview sweep methods --epochs 4 --seeds 2` at commit `abc`; " in page


def test_later_seeds_are_for_those_that_lead_on_validation_after_the_first(
    dvc: Dvc, capsys: pytest.CaptureFixture[str]
) -> None:
    sweeps.sweep("methods", 4, 3, best=1)
    total = len(registry.names("methods")) - 1 + 2
    assert f"{total} of {total}: moco-" in capsys.readouterr().out
    later = [changes for changes in dvc.ran.values() if changes["pretrain.seed"]]
    assert [(c["pretrain.method"], c["pretrain.seed"]) for c in later] == [("moco", 1), ("moco", 2)]
    kept = json.loads(Path("reports/scoreboard.json").read_text())
    assert kept["methods.moco.knn.accuracy"]["n"] == 3
    assert kept["methods.simclr.knn.accuracy"]["n"] == 1
    assert "--epochs 4 --seeds 3 --best 1` at commit" in Path("reports/methods.md").read_text()


def test_at_least_one_has_to_lead(dvc: Dvc) -> None:
    with pytest.raises(ConfigError, match=r"at least 1 that leads \(--best\), not 0"):
        sweeps.sweep("methods", 4, 3, best=0)


def test_the_table_begins_with_the_best_and_ends_with_the_baselines(dvc: Dvc) -> None:
    planned = list(plan("methods", SETTINGS, 4, 2))
    for one in planned:
        one.run()
    rows = [line.split("|")[1].strip() for line in table("methods", planned).splitlines()]
    assert rows[0] == "methods, accuracy on test" and rows[2].startswith("byol (")
    assert len(rows) == 2 + len(registry.names("methods")) - 1 + len(BASELINES)
    assert rows[-3:] == list(BASELINES.values())
    assert "| .910 ± .014 |" in table("methods", planned)


def test_the_note_tells_of_a_sweep_that_is_half_done(dvc: Dvc) -> None:
    planned = list(plan("methods", SETTINGS, 4, 2))[:-1]
    for one in planned:
        one.run()
    assert "(n = 1 or 2)" in note(planned, "twinview sweep")


def test_long_is_the_recipe_s_difference_from_ours(dvc: Dvc, folder: Path) -> None:
    (folder / "recipes").mkdir()
    text = Path("params.yaml").read_text()
    (folder / LONG).write_text(text.replace("batch_size: 256", "batch_size: 128", 1))
    for path in (scoreboard.README, scoreboard.SCOREBOARD):
        path.write_text((ROOT / path).read_text())
    sweeps.long(2)
    assert [dict(changes) for changes in dvc.ran.values()] == [
        {"pretrain.batch_size": 128, "pretrain.seed": seed, "baselines.seed": seed}
        for seed in range(2)
    ]
    kept = json.loads(Path("reports/scoreboard.json").read_text())
    assert kept["long.minutes"]["value"] == 2
    assert kept["long.minutes"]["command"] == "twinview sweep long --seeds 2"
    assert kept["long.linear.accuracy"]["value"] == pytest.approx(0.81)
    [row] = (line for line in scoreboard.README.read_text().splitlines() if "long.yaml` |" in line)
    assert row.count(" .810 ± .014 |") == len(scoreboard.METRICS)
    assert "The longer recipe trained for 2 minutes (n = 2)." in scoreboard.README.read_text()


def test_a_readme_without_a_place_for_the_table_is_told_before_the_training(
    dvc: Dvc, folder: Path
) -> None:
    scoreboard.README.write_text("no marks")
    with pytest.raises(ConfigError, match=r"README\.md lacks the marks"):
        sweeps.long(1)
    assert not dvc.ran


def test_scores_are_of_one_label_each(dvc: Dvc) -> None:
    wanted = [("a", 0), ("a", 1), ("b", 5)]
    runs = [Experiment.of(label, SETTINGS, {"pretrain.seed": seed}) for label, seed in wanted]
    for one in runs:
        one.run()
    found = scores("kind", runs, "twinview sweep")
    assert found["kind.a.linear.accuracy"]["n"] == 2 and found["kind.b.linear.accuracy"]["n"] == 1
    assert found["kind.b.linear.accuracy"]["value"] == pytest.approx(0.9)


@pytest.mark.parametrize("recipe", sweeps.PICTURES)
def test_a_recipe_of_pictures_gives_macro_f1_beside_its_baselines(
    recipe: str, dvc: Dvc, folder: Path
) -> None:
    (folder / "recipes").mkdir()
    text = (ROOT / f"recipes/{recipe}.yaml").read_text()
    (folder / f"recipes/{recipe}.yaml").write_text(text)
    sweeps.pictures(recipe, 2)
    assert [one["pretrain.seed"] for one in dvc.ran.values()] == [0, 1]
    assert all(one["data.source"] == recipe for one in dvc.ran.values())
    kept = json.loads(scoreboard.SCOREBOARD.read_text())
    assert set(kept) == {
        f"{prefix}pictures.{recipe}.{probe}.macro_f1"
        for prefix in ("", "raw_pixels.", "random_encoder.")
        for probe in ("linear", "knn")
    } | {f"pictures.{recipe}.minutes"}
    assert kept[f"pictures.{recipe}.minutes"]["value"] == 2
    [title, _, own, *_, said] = sweeps.PICTURES_PAGE.read_text().splitlines()
    assert title.startswith(f"| {recipe}, macro F1 on test | linear probe | kNN |")
    assert ".350 ± " in own and said.startswith("Mean ± standard deviation over 2 training seeds")
    assert kept[f"pictures.{recipe}.knn.macro_f1"]["value"] == pytest.approx(0.35)
    assert kept[f"raw_pixels.pictures.{recipe}.linear.macro_f1"]["value"] == pytest.approx(0.2)
    assert (
        kept[f"pictures.{recipe}.knn.macro_f1"]["command"] == f"twinview sweep {recipe} --seeds 2"
    )
