"""The gate: what fails it, and that a change cannot lower its own bar."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from twinview.errors import ConfigError, DataError
from twinview.gate import base_settings, run_gate
from twinview.sections import Gate

Write = Callable[[dict[str, Any]], Path]
PARAMS = Path("params.yaml")
GATE = Gate(floors={"linear.accuracy": 0.9, "knn.accuracy": 0.85}, verdicts=("learning", "slow"))


def report(
    folder: Path, linear: str = "0.91", knn: str = "0.86", verdict: str = "learning"
) -> Path:
    """Writes what the pipeline leaves in reports/; numbers as text, so that NaN is possible."""
    (folder / "reports/pretrain").mkdir(parents=True, exist_ok=True)
    (folder / "reports/pretrain/metrics.json").write_text(json.dumps({"verdict": verdict}))
    text = f'{{"linear": {{"accuracy": {linear}}}, "knn": {{"accuracy": {knn}}}}}'
    (folder / "reports/metrics.json").write_text(text)
    return folder


def holds(folder: Path) -> dict[str, bool]:
    return {check.name: check.holds for check in run_gate(GATE, folder)}


def test_results_above_every_floor_hold(tmp_path: Path) -> None:
    assert holds(report(tmp_path)) == {
        "linear.accuracy": True,
        "knn.accuracy": True,
        "pretrain.verdict": True,
    }


@pytest.mark.parametrize(
    ("value", "expected"),
    [("0.9", True), ("0.89999", False), ("NaN", False), ("Infinity", False), ("-1", False)],
)
def test_a_floor_holds_from_its_value_on_and_never_for_no_number(
    value: str, expected: bool, tmp_path: Path
) -> None:
    found = holds(report(tmp_path, linear=value))
    assert found == {"linear.accuracy": expected, "knn.accuracy": True, "pretrain.verdict": True}


def test_each_metric_is_held_against_its_own_floor(tmp_path: Path) -> None:
    found = holds(report(tmp_path, linear="0.99", knn="0.84"))
    assert found["linear.accuracy"] and not found["knn.accuracy"]


def test_a_metric_that_is_absent_fails_and_says_so(tmp_path: Path) -> None:
    gate = Gate(floors={"linear.acuracy": 0.1}, verdicts=("learning",))
    (check, _) = run_gate(gate, report(tmp_path))
    assert not check.holds and check.found == "absent" and check.wanted == ">= 0.1000"


@pytest.mark.parametrize(("verdict", "expected"), [("slow", True), ("collapsed", False)])
def test_only_permitted_verdicts_hold(verdict: str, expected: bool, tmp_path: Path) -> None:
    assert holds(report(tmp_path, verdict=verdict))["pretrain.verdict"] is expected


def test_a_check_shows_what_was_found_and_what_is_wanted(tmp_path: Path) -> None:
    checks = run_gate(GATE, report(tmp_path, linear="0.91237", verdict="collapsed"))
    assert (checks[0].found, checks[0].wanted) == ("0.9124", ">= 0.9000")
    assert (checks[-1].found, checks[-1].wanted) == ("collapsed", "learning or slow")


@pytest.mark.parametrize("name", ["metrics.json", "pretrain/metrics.json"])
def test_without_results_the_missing_file_is_named(name: str, tmp_path: Path) -> None:
    (report(tmp_path) / "reports" / name).unlink()
    with pytest.raises(DataError, match=f"reports/{name} is missing"):
        run_gate(GATE, tmp_path)


def git(*arguments: str) -> str:
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    command = ["git", *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def commit() -> str:
    git("add", "-A")
    git("commit", "-q", "--allow-empty", "-m", "base")
    return git("rev-parse", "HEAD")


@pytest.fixture
def base(write_params: Write) -> str:
    """A commit whose params.yaml wants .9 of the linear probe."""
    git("init", "-q")
    write_params({"gate.floors": {"linear.accuracy": 0.9}})
    return commit()


def test_the_floors_are_the_base_s_however_low_the_tree_s_are(
    base: str, write_params: Write
) -> None:
    write_params({"gate.floors": {"linear.accuracy": 0.1}, "gate.verdicts": ["collapsed"]})
    settings = base_settings(base, PARAMS)
    assert settings.floors == {"linear.accuracy": 0.9} and settings.verdicts == ("learning",)
    commit()
    assert base_settings("HEAD~1", PARAMS) == settings


def test_without_a_base_the_tree_s_own_floors_count(base: str, write_params: Write) -> None:
    write_params({"gate.floors": {"linear.accuracy": 0.1}})
    assert base_settings(None, PARAMS).floors == {"linear.accuracy": 0.1}


def test_a_file_that_the_base_does_not_have_yet_has_its_own_floors(
    base: str, write_params: Write
) -> None:
    write_params({"gate.floors": {"linear.accuracy": 0.3}}).rename("other.yaml")
    assert base_settings(base, Path("other.yaml")).floors == {"linear.accuracy": 0.3}


def test_other_settings_of_the_base_need_not_be_in_order(base: str, write_params: Write) -> None:
    """A base from before a setting was renamed still has a gate."""
    write_params({"pretrain.former": 3})
    assert base_settings(commit(), PARAMS).floors == {"linear.accuracy": 0.9}


def test_a_base_without_a_gate_leaves_the_tree_s_own(
    base: str, settings: dict[str, Any], write_params: Write
) -> None:
    own = settings.pop("gate")
    write_params({})
    before = commit()
    settings["gate"] = own
    write_params({})
    assert base_settings(before, PARAMS).floors == {"linear.accuracy": 0.9}


@pytest.mark.parametrize("reference", ["f" * 40, "no-such-branch", "--help"])
def test_an_unknown_commit_is_refused(reference: str, base: str) -> None:
    with pytest.raises(ConfigError, match=r"name a commit that exists"):
        base_settings(reference, PARAMS)


def test_a_base_s_faulty_gate_is_named_with_its_commit(base: str, write_params: Write) -> None:
    write_params({"gate.floors": {"linear.accuracy": "high"}})
    commit()
    with pytest.raises(ConfigError, match=r"HEAD:params\.yaml has 1 fault:\n  .*linear\.accuracy"):
        base_settings("HEAD", PARAMS)
