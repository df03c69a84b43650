"""The scoreboard, and the README's table that is made of it."""

import json
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.workspace import ROOT
from twinview.evaluation.protocol import PROTOCOL
from twinview.evidence import scoreboard as measure
from twinview.evidence.scoreboard import (
    CONTENDERS,
    END,
    METRICS,
    START,
    score,
    scoreboard,
    table,
    with_table,
)
from twinview.experiments.seeds import Seeds

SCOREBOARD, README = ROOT / measure.SCOREBOARD, ROOT / measure.README
NAMES = [f"{prefix}fashion_mnist.{metric}" for prefix in CONTENDERS for metric in METRICS]


def metrics(*shifts: float) -> dict[str, tuple[float, ...]]:
    """By the pipeline's own names, as Seeds has them."""
    names = [name.replace("fashion_mnist.", "") for name in NAMES]
    return {
        name: tuple(0.5 + 0.01 * place + shift for shift in shifts)
        for place, name in enumerate(names)
    }


def scores() -> dict[str, dict[str, Any]]:
    minutes = score([12.34], "minutes", higher_is_better=False)
    return scoreboard(metrics(0.0, 0.02, 0.04)) | {"repro.minutes": minutes}


def test_a_score_is_mean_and_sample_deviation_over_seeds() -> None:
    values = [0.9, 0.91, 0.95]
    entry = score(values, "share")
    assert entry["value"] == pytest.approx(statistics.fmean(values), abs=5e-5)
    assert entry["spread"] == pytest.approx(statistics.stdev(values), abs=5e-5)
    assert entry["n"] == 3 and entry["higher_is_better"] is True


def test_a_single_value_has_no_spread() -> None:
    assert score([3.0], "minutes")["spread"] is None


def test_an_entry_has_all_that_a_claim_needs() -> None:
    assert list(score([1.0], "share")) == [
        "value", "spread", "n", "unit", "higher_is_better", "command", "commit", "hardware",
    ]  # fmt: skip


def test_the_scoreboard_in_git_is_that_of_the_seeds_in_git() -> None:
    """Neither is written by hand: both come from the same trainings."""
    board = json.loads(SCOREBOARD.read_text())
    assert {*NAMES, "repro.minutes", "speedrun.minutes"} <= set(board)
    seeds = json.loads((ROOT / "reports/seeds.json").read_text())["metrics"]
    for name in NAMES:
        values = seeds[name.replace("fashion_mnist.", "")]
        expected = score(values, "share")
        assert {key: board[name][key] for key in ("value", "spread", "n")} == {
            key: expected[key] for key in ("value", "spread", "n")
        }, name


def test_the_scoreboard_has_every_contender_in_every_task() -> None:
    found = scores()
    assert sorted(found) == sorted(
        [
            *NAMES,
            "repro.minutes",
            *(f"speedrun.{metric}" for metric in METRICS),
            *(f"{prefix}speedrun.few_10.accuracy" for prefix in CONTENDERS),
        ]
    )
    few = found["supervised.speedrun.few_10.accuracy"]
    assert few == found["supervised.fashion_mnist.propagated_10.accuracy"]
    assert found["raw_pixels.fashion_mnist.knn.accuracy"]["value"] == pytest.approx(0.65)


def test_the_table_has_a_row_a_contender_and_a_column_a_task() -> None:
    lines = table(scores()).splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[:6]]
    assert rows[0][1:] == list(METRICS.values())
    assert [row[0] for row in rows[2:]] == list(CONTENDERS.values())
    # Three seeds .02 apart: deviation .02.
    assert rows[2][1:5] == [".520 ± .020", ".530 ± .020", ".540 ± .020", ".550 ± .020"]
    assert "3 training seeds" in lines[-1] and "12.3 minutes" in lines[-1]


def test_the_scoreboard_keeps_enough_digits_for_the_table() -> None:
    assert measure.cell(score([0.77051, 0.77053], "share")) == ".771 ± .000"
    assert measure.cell(score([0.5, 0.50206], "share")) == ".501 ± .001"  # .001457, not .0015


@pytest.mark.parametrize(("value", "shown"), [(1.0, "1.000 ± .020"), (0.1049, ".105 ± .020")])
def test_only_the_zero_before_the_point_is_left_out(value: float, shown: str) -> None:
    assert measure.cell({"value": value, "spread": 0.02}) == shown


def test_one_training_has_no_spread_to_show() -> None:
    assert measure.cell(score([0.25], "share")) == ".250"


def test_the_table_takes_its_place_in_the_readme_and_nothing_else_moves() -> None:
    readme = f"# a\n\n{START}\nold\n{END}\n\ntext\n"
    once = with_table(readme, scores())
    assert once == f"# a\n\n{START}\n{table(scores())}\n{END}\n\ntext\n"
    assert with_table(once, scores()) == once


def test_the_readme_claims_what_was_measured() -> None:
    measured = json.loads(SCOREBOARD.read_text())
    readme = README.read_text()
    assert with_table(readme, measured) == readme


def test_every_measured_number_has_all_that_a_claim_needs() -> None:
    for name, entry in json.loads(SCOREBOARD.read_text()).items():
        assert set(entry) == set(score([1.0], "share")), name


def test_measuring_needs_a_tree_without_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure.dvc_experiments.commands, "has_changes", lambda: True)
    with pytest.raises(measure.ConfigError, match="commit them first"):
        measure.require_measurable(3)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"pretrain.method": "moco"}, "of the default recipe: pretrain.method must be simclr"),
        (
            {"baselines.supervised": False, "tasks.few_labels.per_class": [10, 20]},
            "supervised must be true; evaluate.tasks must be such that there is labels_100.acc",
        ),
        ({"tasks.classification.probes": ["knn"]}, "such that there is linear.accuracy$"),
        (
            {"evaluate.tasks": ["classification", "few_labels"]},
            "such that there is propagated_10.accuracy, propagated_100.accuracy$",
        ),
    ],
)
def test_settings_that_the_table_would_misname_are_refused_before_anything_runs(
    changes: dict[str, Any],
    said: str,
    folder: Path,
    write_params: Callable[[dict[str, Any]], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_params({})
    (folder / "README.md").write_text(f"{START}\n{END}\n")
    monkeypatch.setattr(measure.dvc_experiments, "require_committed", lambda command: None)
    measure.require_measurable(2)
    write_params(changes)
    with pytest.raises(measure.ConfigError, match=said):
        measure.require_measurable(2)


def test_what_the_seeds_found_goes_to_the_scoreboard_and_the_readme(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[tuple[Any, ...]] = []
    (folder / "reports").mkdir()
    (folder / "models").mkdir()
    (folder / "models/pretrain_run.json").write_text('{"seconds": 90.0}')
    (folder / "reports/scoreboard.json").write_text('{"bench.other": {"value": 3}}')
    (folder / "README.md").write_text(f"{START}\n{END}\n")

    def gathered(count: int) -> list[Seeds]:
        ran.append(("gathered", count))
        return [
            Seeds("", tuple(range(n)), metrics(*(0.2 * k for k in range(n))), "2 cores", "torch 2")
            for n in (1, 2)
        ]

    monkeypatch.setattr(measure.dvc_experiments, "dvc", lambda *given: ran.append(given))
    monkeypatch.setattr(measure.seeding, "train_seeds", gathered)
    seconds = {"pretrain": 90.0, "evaluate_baselines": 100.0, "evaluate": 50.0, "report": 30.0}
    monkeypatch.setattr(measure.outlook, "taken", lambda: seconds)
    measure.measure(2)
    assert ran == [("repro", "--force"), ("gathered", 2)], "timed from nothing, then the seeds"
    written = json.loads((folder / "reports/scoreboard.json").read_text())
    assert written["fashion_mnist.linear.accuracy"]["value"] == pytest.approx(0.6)
    assert written["fashion_mnist.linear.accuracy"]["n"] == 2
    assert written["speedrun.knn.accuracy"] == written["fashion_mnist.knn.accuracy"]
    assert written["speedrun.minutes"]["value"] == 1.5
    assert written["evaluation.minutes"]["value"] == 2.5, "of both stages that evaluate"
    assert written["bench.other"] == {"value": 3}, "others' entries stay"
    assert table(written) in (folder / "README.md").read_text()


def test_a_readme_without_its_marks_is_refused_before_anything_runs(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After an hour of training it would be too late."""
    (folder / "README.md").write_text("no marks")
    monkeypatch.setattr(measure.dvc_experiments, "require_committed", lambda command: None)
    with pytest.raises(measure.ConfigError, match=r"README\.md lacks the marks"):
        measure.require_measurable(2)


@pytest.mark.parametrize("seeds", [0, 1])
def test_too_few_seeds_for_a_spread_are_refused_before_anything_runs(
    seeds: int, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measure.dvc_experiments, "require_committed", lambda command: None)
    with pytest.raises(measure.ConfigError, match="seeds"):
        measure.require_measurable(seeds)


def test_the_protocol_is_named_alike_everywhere() -> None:
    for file in ("README.md", "params.yaml", "docs/protocol.md"):
        assert PROTOCOL in (ROOT / file).read_text(), file


def test_the_readme_stays_short() -> None:
    """What is longer has a place in docs/."""
    assert len(README.read_text().splitlines()) <= 150
