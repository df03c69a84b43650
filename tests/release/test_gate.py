"""The gate: what fails it, each thing alone, and what it is compared with."""

import hashlib
import json
import math
import statistics
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.reports import GATE, report, seeds
from twinview.core.errors import DataError
from twinview.experiments.recorded_run import in_folder
from twinview.experiments.trainings import Trainings, trainings
from twinview.release import gate_table
from twinview.release.gate import Check, Reference, holds, run_gate, standard_error


def here(folder: Path) -> Trainings:
    return trainings(in_folder(folder))


def before(*values: float, name: str = "linear.accuracy") -> Reference:
    return Reference("baseline", Trainings({name: values}))


def found(folder: Path, *references: Reference, **changes: Any) -> dict[tuple[str, str], Check]:
    settings = GATE.model_copy(update=changes)
    return {(c.name, c.against): c for c in run_gate(settings, in_folder(folder), references)}


def fails(checks: Mapping[tuple[str, str], Check]) -> list[tuple[str, str]]:
    return [key for key, check in checks.items() if check.holds is False]


def test_results_above_everything_hold(tmp_path: Path) -> None:
    checks = found(report(tmp_path), before(0.91))
    assert list(checks) == [
        ("linear.accuracy", "floor"),
        ("knn.accuracy", "floor"),
        ("linear.accuracy", "raw pixels"),
        ("linear.accuracy", "baseline"),
        ("verdict", "pretraining"),
    ]
    assert all(check.holds is True for check in checks.values())
    assert holds(list(checks.values()))


@pytest.mark.parametrize(
    ("changes", "failing"),
    [
        ({"linear": "0.8999"}, ("linear.accuracy", "floor")),
        ({"knn": "0.84"}, ("knn.accuracy", "floor")),
        ({"raw": "0.91"}, ("linear.accuracy", "raw pixels")),
        ({"verdict": "collapsed"}, ("verdict", "pretraining")),
    ],
)
def test_each_thing_fails_alone(
    changes: dict[str, str], failing: tuple[str, str], tmp_path: Path
) -> None:
    checks = found(report(tmp_path, **changes), before(0.9))
    assert fails(checks) == [failing] and not holds(list(checks.values()))


def test_a_fall_below_what_was_before_fails_alone(tmp_path: Path) -> None:
    checks = found(report(tmp_path), before(0.9201))
    assert fails(checks) == [("linear.accuracy", "baseline")]
    assert fails(found(tmp_path, before(0.9199))) == []


@pytest.mark.parametrize(
    ("value", "expected"),
    [("0.9", True), ("0.89999", False), ("NaN", False), ("Infinity", False), ("-1", False)],
)
def test_a_floor_holds_from_its_value_on_and_never_for_no_number(
    value: str, expected: bool, tmp_path: Path
) -> None:
    checks = found(report(tmp_path, linear=value))
    assert checks["linear.accuracy", "floor"].holds is expected


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", '"0.99"', "true", "null"])
def test_what_is_no_finite_number_fails_every_check_of_it(value: str, tmp_path: Path) -> None:
    checks = found(report(tmp_path, linear=value), before(0.5))
    assert set(fails(checks)) == {
        ("linear.accuracy", against) for against in ("floor", "raw pixels", "baseline")
    }


@pytest.mark.parametrize("theirs", [before(0.9, name="linear.acuracy"), before(0.9)])
def test_a_metric_that_is_absent_fails_every_check_of_it_and_says_so(
    theirs: Reference, tmp_path: Path
) -> None:
    wanted = {
        "floors": {"linear.acuracy": 0.1},
        "drops": {"linear.acuracy": 0.1},
        "better_than_raw": ("linear.acuracy",),
    }
    checks = found(report(tmp_path), theirs, **wanted)
    of_it = [check for check in checks.values() if check.name != "verdict"]
    assert [check.holds for check in of_it] == [False] * 3
    assert {check.found for check in of_it} == {"absent"}


@pytest.mark.parametrize("raw", ["0.91", "0.92", "NaN", "null"])
def test_raw_pixels_are_not_beaten_by_a_tie_nor_without_a_number(raw: str, tmp_path: Path) -> None:
    checks = found(report(tmp_path, raw=raw))
    assert fails(checks) == [("linear.accuracy", "raw pixels")]


@pytest.mark.parametrize(("verdict", "expected"), [("slow", True), ("collapsed", False)])
def test_only_permitted_verdicts_hold(verdict: str, expected: bool, tmp_path: Path) -> None:
    checks = found(report(tmp_path, verdict=verdict))
    assert checks["verdict", "pretraining"].holds is expected


def test_a_reference_without_results_is_passed_over_by_name(tmp_path: Path) -> None:
    checks = found(report(tmp_path), Reference("champion", None, "there is none yet"))
    skipped = checks["linear.accuracy", "champion"]
    assert skipped.holds is None and skipped.why == "there is none yet"
    assert holds(list(checks.values()))
    assert "1 not compared" in gate_table.verdict(list(checks.values()))


@pytest.mark.parametrize("theirs", [before(0.9, name="other"), before(math.nan)])
def test_a_metric_that_the_reference_lacks_is_passed_over(
    theirs: Reference, tmp_path: Path
) -> None:
    check = found(report(tmp_path), theirs)["linear.accuracy", "baseline"]
    assert check.holds is None and check.why == "it has no such metric"


def test_every_reference_is_compared_with(tmp_path: Path) -> None:
    champion = Reference("champion 3", Trainings({"linear.accuracy": (0.95,)}))
    assert fails(found(report(tmp_path), before(0.9), champion)) == [
        ("linear.accuracy", "champion 3")
    ]


def test_the_standard_error_is_that_of_two_means_with_one_spread() -> None:
    ours, theirs = [0.90, 0.92], [0.91, 0.93, 0.95]
    variance = (1 * statistics.variance(ours) + 2 * statistics.variance(theirs)) / 3
    expected = math.sqrt(variance / 2 + variance / 3)
    assert standard_error(ours, theirs) == pytest.approx(expected, rel=1e-12)


def test_one_training_takes_the_other_side_s_spread() -> None:
    spread = statistics.stdev([0.91, 0.93, 0.95])
    expected = spread * math.sqrt(1 + 1 / 3)
    assert standard_error([0.9], [0.91, 0.93, 0.95]) == pytest.approx(expected, rel=1e-12)
    assert standard_error([0.91, 0.93, 0.95], [0.9]) == pytest.approx(expected, rel=1e-12)


def test_two_single_trainings_have_no_standard_error() -> None:
    assert standard_error([0.9], [0.91]) is None


@pytest.mark.parametrize(("ours", "expected"), [("0.87382", True), ("0.8738", False)])
def test_a_spread_before_widens_what_is_allowed(ours: str, expected: bool, tmp_path: Path) -> None:
    """Mean .93, spread .02: .93 - .01 less twice .02 times the root of 4/3 is .87381."""
    check = found(report(tmp_path, linear=ours), before(0.91, 0.93, 0.95))[
        "linear.accuracy", "baseline"
    ]
    assert check.holds is expected
    assert check.wanted == ">= 0.87381" and "2 standard errors of 0.02309" in check.why
    assert "0.93000 ± 0.02000 (3 seeds)" in check.why


def test_without_a_spread_the_drop_alone_is_allowed_and_the_table_says_so(tmp_path: Path) -> None:
    check = found(report(tmp_path), before(0.915))["linear.accuracy", "baseline"]
    assert check.wanted == ">= 0.90500" and "no spread known" in check.why


def test_means_over_seeds_are_compared(tmp_path: Path) -> None:
    """One lucky training among three does not carry the gate, nor does an unlucky one fail it."""
    seeds(report(tmp_path, linear="0.93"), linear__accuracy=[0.90, 0.93, 0.90])
    check = found(tmp_path, before(0.95, 0.95, 0.95))["linear.accuracy", "baseline"]
    assert check.found == "0.91000 ± 0.01732 (3 seeds)"
    error = math.sqrt(3e-4 * 2 / 4 * 2 / 3)
    assert check.wanted == f">= {0.94 - 2 * error:.5f}" and check.holds is False


def test_floors_and_raw_pixels_are_for_the_training_that_is_here(tmp_path: Path) -> None:
    seeds(report(tmp_path, linear="0.83"), linear__accuracy=[0.95, 0.83, 0.95])
    checks = found(tmp_path, before(0.9))
    assert set(fails(checks)) == {("linear.accuracy", "floor"), ("linear.accuracy", "raw pixels")}


def test_seeds_of_other_trainings_do_not_count_and_the_table_says_so(tmp_path: Path) -> None:
    """A change of code that was not trained again for each seed cannot hide behind them."""
    seeds(report(tmp_path, linear="0.91"), linear__accuracy=[0.95, 0.951, 0.949])
    check = found(tmp_path, before(0.95))["linear.accuracy", "baseline"]
    assert check.holds is False and check.found == "0.91000"
    assert "seeds.json holds other results of this training, of 2 cores or of other" in check.why


def test_seeds_count_only_where_every_metric_of_one_training_agrees(tmp_path: Path) -> None:
    seeds(report(tmp_path), linear__accuracy=[0.91, 0.92], knn__accuracy=[0.85, 0.86])
    assert here(tmp_path).values["linear.accuracy"] == (0.91,)
    seeds(tmp_path, linear__accuracy=[0.92, 0.91], knn__accuracy=[0.85, 0.86])
    assert here(tmp_path).values["linear.accuracy"] == (0.91, 0.92)


@pytest.mark.parametrize("name", ["metrics.json", "pretrain/metrics.json", "baselines.json"])
def test_without_results_the_missing_file_is_named(name: str, tmp_path: Path) -> None:
    (report(tmp_path) / "reports" / name).unlink()
    with pytest.raises(DataError, match=f"reports/{name} is missing"):
        run_gate(GATE, in_folder(tmp_path))


@pytest.mark.parametrize(
    "name", ["metrics.json", "seeds.json", "baselines.json", "pretrain/metrics.json"]
)
@pytest.mark.parametrize("text", ["<<<<<<< HEAD\n{}", "[1, 2]", "3"])
@pytest.mark.parametrize("seeded", [False, True])
def test_a_broken_file_is_named(name: str, text: str, seeded: bool, tmp_path: Path) -> None:
    """As a merge with a conflict leaves it."""
    report(tmp_path)
    if seeded:
        seeds(tmp_path, linear__accuracy=[0.91, 0.92])
    (tmp_path / "reports" / name).write_text(text)
    with pytest.raises(DataError, match=rf"reports/{name} (is not valid|holds no|is broken)"):
        run_gate(GATE, in_folder(tmp_path))


def test_seeds_of_other_settings_do_not_count(tmp_path: Path) -> None:
    seeds(report(tmp_path), linear__accuracy=[0.91, 0.92])
    (tmp_path / "params.yaml").write_text("pretrain: {method: byol, seed: 4}")
    assert here(tmp_path).values["linear.accuracy"] == (0.91,)


def locked(folder: Path, epochs: int = 3) -> None:
    """Writes the dvc.lock of a run of so many epochs, and params.yaml and code of one of three."""
    (folder / "src").mkdir(exist_ok=True)
    (folder / "src/loop.py").write_text("pass")
    (folder / "params.yaml").write_text("pretrain: {method: simclr, seed: 4, epochs: 3}")
    code = [{"path": "src/loop.py", "md5": hashlib.md5(b"pass").hexdigest()}]
    ran = {"params.yaml": {"pretrain.epochs": epochs}}
    lock = {"stages": {"pretrain": {"deps": code, "params": ran}}}
    (folder / "dvc.lock").write_text(json.dumps(lock))


def test_results_of_other_settings_fail_the_gate_with_the_remedy(tmp_path: Path) -> None:
    """Results that are kept in git would else be held against themselves, and pass."""
    locked(report(tmp_path))
    assert found(tmp_path)["results", "dvc.lock"] == Check(
        "results", "dvc.lock", "of params.yaml", "of params.yaml", True
    )
    locked(tmp_path, epochs=2)
    checks = found(tmp_path)
    assert fails(checks) == [("results", "dvc.lock")]
    assert checks["results", "dvc.lock"].why == (
        "pretrain ran with another pretrain.epochs than params.yaml states; `dvc repro` mends it"
    )


@pytest.mark.parametrize("edit", [lambda path: path.write_text("edited"), Path.unlink])
def test_code_that_was_edited_since_is_named_and_fails_nothing(
    edit: Callable[[Path], object], tmp_path: Path
) -> None:
    locked(report(tmp_path))
    edit(tmp_path / "src/loop.py")
    check = found(tmp_path)["results", "dvc.lock"]
    assert check.holds and check.why == "code was edited since: src/loop.py"


CHECKS = [
    Check("linear.accuracy", "floor", "0.9100", ">= 0.9000", True),
    Check("linear.accuracy", "champion 3", "0.9100", ">= 0.9200", False, "0.9300 less 0.01"),
    Check("knn.accuracy", "baseline abc", "0.8000", "", None, "it has a | in it"),
]


def test_the_table_says_which_and_why() -> None:
    lines = gate_table.text(CHECKS, "params.yaml at abc").splitlines()
    assert lines[1].split() == ["ok", "linear.accuracy", "floor", "0.9100", ">=", "0.9000"]
    assert lines[2].startswith("FAIL  linear.accuracy  champion 3") and "0.9300 less" in lines[2]
    assert lines[3].startswith("skip  knn.accuracy") and lines[3].endswith("it has a | in it")
    assert lines[4] == (
        "The gate fails: linear.accuracy (champion 3); 1 not compared. "
        "Thresholds: params.yaml at abc."
    )


def test_the_table_in_markdown_has_as_many_cells_in_every_row() -> None:
    text = gate_table.markdown(CHECKS, "params.yaml")
    rows = [line.replace(r"\|", "") for line in text.splitlines() if line.startswith("|")]
    assert len(rows) == 5 and {row.count("|") for row in rows} == {7}
    assert text.startswith("### The gate fails: linear.accuracy (champion 3); 1 not compared\n")
    assert "Thresholds: params.yaml." in text
