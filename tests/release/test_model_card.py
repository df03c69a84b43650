"""The model card says what was measured, and no more than was."""

import json
import math
from pathlib import Path

import pytest

from tests.support.finished import results
from twinview.core import entries
from twinview.experiments.trainings import Trainings
from twinview.release.champions import PublishedEncoder
from twinview.release.gate import Check
from twinview.release.model_card import format_mean, render_card

PARAMS = {"pretrain.method": "simclr", "report.points": "9", "methods.simclr.temperature": "0.2"}
ROW = PublishedEncoder(
    "row-1", "m-1", PARAMS, {"twinview.commit": "abc"}, "uint8 in", "float32 out"
)
CHECKS = [Check("linear.accuracy", "floor", "0.9", ">= 0.8", True)]


def made(folder: Path, values: tuple[float, ...] = (0.9,)) -> str:
    results(folder, 0.9)
    return render_card(
        "letters", "7", ROW, Trainings({"linear.accuracy": values}), CHECKS, "params.yaml"
    )


def cells(text: str, first: str) -> list[str]:
    (line,) = (line for line in text.splitlines() if line.startswith(f"| {first} |"))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_it_has_every_part(folder: Path) -> None:
    text = made(folder)
    parts = [line for line in text.splitlines() if line.startswith("#")]
    assert parts == [
        "# letters, version 7",
        "## Data",
        "## Method",
        "## Protocol: frozen-2",
        "## Results",
        "### The gate holds",
        "## Limits",
        "## Provenance",
    ]


def test_accuracies_stand_beside_those_of_others_and_absent_ones_are_dashes(folder: Path) -> None:
    text = made(folder)
    assert cells(text, "linear") == ["linear", "0.9000", "–", "–", "0.8400", "–"]


def test_intervals_over_seeds_and_over_draws_of_labels_are_apart(folder: Path) -> None:
    text = made(folder, values=(0.9, 0.92))
    assert cells(text, "linear")[2:4] == [format_mean((0.9, 0.92)), "–"]
    assert cells(text, "labels_10")[2:4] == ["–", format_mean((0.6, 0.7, 0.8))]


def test_an_interval_is_student_s() -> None:
    """t(.975, 2) = 4.30265; the deviation of .6, .7, .8 is .1."""
    half = 4.30265 * 0.1 / math.sqrt(3)
    assert format_mean((0.6, 0.7, 0.8)) == f"0.7000 ± {half:.4f} (n = 3)"


@pytest.mark.parametrize("values", [(), (0.9,)])
def test_a_single_value_has_no_told(values: tuple[float, ...]) -> None:
    assert format_mean(values) == "–"


def test_limits_tell_one_training_from_several_and_name_the_weakest_class(folder: Path) -> None:
    alone, several = made(folder), made(folder, values=(0.9, 0.92))
    assert "from one training" in alone and "from one training" not in several
    assert "come from 2 trainings" in several
    assert "Weakest class: b, of which the linear probe finds 25.0%" in alone
    assert "3 groups, 1 of them across splits" in alone


def test_settings_are_those_that_made_the_encoder(folder: Path) -> None:
    text = made(folder)
    assert cells(text, "methods.simclr.temperature")[1] == "0.2"
    assert "report.points" not in text


def test_a_tree_that_git_could_not_judge_is_not_called_unchanged(folder: Path) -> None:
    results(folder, 0.9)
    path = Path("models/pretrain_run.json")
    path.write_text(path.read_text().replace('"changed": true', '"changed": null'))
    text = render_card("letters", "7", ROW, Trainings({}), CHECKS, "params.yaml")
    assert cells(text, "trained at commit")[1].endswith(", since git could not say")


def test_provenance_names_row_pretraining_model_and_commits(folder: Path) -> None:
    text = made(folder)
    for name, value in (
        ("row in MLflow", "`row-1`"),
        ("pretraining's run", "`pretraining-0.9`"),
        ("logged model", "`m-1`"),
        ("commit", "abc"),
        ("trained at commit", f"`{'c' * 40}`, with changes"),
    ):
        assert cells(text, name)[1] == value


def test_without_labels_the_card_has_no_classes_and_says_what_was_left_out(folder: Path) -> None:
    results(folder, 0.9)
    card, evaluation = (Path(f"reports/{name}.json") for name in ("data/card", "evaluation"))
    content = json.loads(card.read_text())
    content["splits"] = {name: {"examples": 1200} for name in content["splits"]}
    card.write_text(json.dumps(content))
    rank = {"effective_rank": 12.5, "negative_uniformity": 2.5}
    declared = entries.to_json(entries.declared({"geometry": {"examples": 20}}))
    changed = {"entries": declared, "contenders": {"encoder": {"geometry": rank}}}
    changed["left_out"] = {"classification": "it needs labels, and the test split has none"}
    evaluation.write_text(json.dumps(json.loads(evaluation.read_text()) | changed))
    text = render_card("letters", "7", ROW, Trainings({}), CHECKS, "params.yaml")
    assert "1,200 test examples\nwithout labels." in text and "classes (" not in text
    assert cells(text, "geometry")[1] == "12.5000" and "Weakest" not in text
    said = "Left out: classification, since it needs labels, and the test split has none."
    assert f"\n\n{said}\n\n### The gate" in text
    assert "Left out" not in made(folder)
