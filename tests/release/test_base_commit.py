"""The base commit: a change cannot lower its own bar, nor lose what it is compared with."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.commands import git
from tests.support.reports import report, seeds
from twinview.core.errors import ConfigError, DataError
from twinview.release.base_commit import base_results, base_settings

Write = Callable[[dict[str, Any]], Path]
PARAMS = Path("params.yaml")


def commit() -> str:
    git("add", "-A")
    git("commit", "-q", "--allow-empty", "-m", "base")
    return git("rev-parse", "HEAD")


@pytest.fixture
def base(write_params: Write) -> str:
    """A commit whose params.yaml wants .9 of the linear probe."""
    git("init", "-q")
    write_params({"gate.floors": {"linear.accuracy": 0.9}, "gate.verdicts": ["healthy"]})
    return commit()


def test_the_thresholds_are_the_base_s_however_low_the_tree_s_are(
    base: str, write_params: Write
) -> None:
    before, _ = base_settings(base, PARAMS)
    lower = {
        "gate.floors": {"linear.accuracy": 0.1},
        "gate.drops": {"linear.accuracy": 0.9},
        "gate.better_than_raw": [],
        "gate.verdicts": ["collapsed"],
        "gate.model": "another",
    }
    write_params(lower)
    found, place = base_settings(base, PARAMS)
    assert found == before and place == f"params.yaml at {git('rev-parse', '--short', base)}"
    assert found.floors == {"linear.accuracy": 0.9} and found.model == "twinview"
    commit()
    assert base_settings("HEAD~1", PARAMS)[0] == before


def test_another_way_to_name_the_file_reads_the_base_s_too(base: str, write_params: Write) -> None:
    write_params({"gate.floors": {"linear.accuracy": 0.1}})
    assert base_settings(base, PARAMS.absolute())[0].floors == {"linear.accuracy": 0.9}
    assert base_results(base, PARAMS.absolute()) == base_results(base, PARAMS)


def test_without_a_base_the_tree_s_own_thresholds_count(base: str, write_params: Write) -> None:
    write_params({"gate.floors": {"linear.accuracy": 0.1}})
    found, place = base_settings(None, PARAMS)
    assert found.floors == {"linear.accuracy": 0.1} and place == "params.yaml"


def test_a_file_that_the_base_does_not_have_yet_has_its_own_and_says_so(
    base: str, write_params: Write
) -> None:
    write_params({"gate.floors": {"linear.accuracy": 0.3}}).rename("other.yaml")
    found, place = base_settings(base, Path("other.yaml"))
    assert found.floors == {"linear.accuracy": 0.3}
    assert place.startswith("other.yaml, since") and place.endswith("has no gate in other.yaml")


def test_other_settings_of_the_base_need_not_be_in_order(
    base: str, settings: dict[str, Any], write_params: Write
) -> None:
    """A base from before a setting was renamed still has a gate."""
    write_params({"pretrain.former": 3})
    before = commit()
    del settings["pretrain"]["former"]
    write_params({"gate.floors": {"linear.accuracy": 0.1}})
    assert base_settings(before, PARAMS)[0].floors == {"linear.accuracy": 0.9}


def test_what_the_base_s_gate_does_not_state_yet_the_tree_does_and_says_so(
    base: str, settings: dict[str, Any], write_params: Write
) -> None:
    own = settings["gate"]
    settings["gate"] = {"floors": {"linear.accuracy": 0.8}, "verdicts": ["slow"], "former": 1}
    write_params({})
    before = commit()
    settings["gate"] = own
    write_params({"gate.drops": {"linear.accuracy": 0.25}})
    found, place = base_settings(before, PARAMS)
    assert found.floors == {"linear.accuracy": 0.8} and found.verdicts == ("slow",)
    assert found.drops == {"linear.accuracy": 0.25}
    assert "it has no drops, better_than_raw, model, which the working tree has" in place


@pytest.mark.parametrize("reference", ["f" * 40, "no-such-branch", "--help", "HEAD:params.yaml"])
def test_an_unknown_commit_is_refused(reference: str, base: str) -> None:
    with pytest.raises(ConfigError, match=r"name a commit that exists$"):
        base_settings(reference, PARAMS)


def test_outside_git_a_reference_is_refused(write_params: Write) -> None:
    write_params({})
    with pytest.raises(ConfigError, match="name a commit that exists"):
        base_settings("HEAD", PARAMS)


def test_a_base_s_faulty_gate_is_named_with_its_commit(base: str, write_params: Write) -> None:
    write_params({"gate.floors": {"linear.accuracy": "high"}})
    short = git("rev-parse", "--short", commit())
    write_params({"gate.floors": {"linear.accuracy": 0.9}})
    with pytest.raises(
        ConfigError, match=rf"{short}:params\.yaml has 1 fault:\n  .*linear\.accuracy"
    ):
        base_settings("HEAD", PARAMS)


def test_a_base_s_file_may_begin_with_a_byte_order_mark(base: str) -> None:
    before = base_settings(base, PARAMS)[0]
    PARAMS.write_bytes(b"\xef\xbb\xbf" + PARAMS.read_bytes().replace(b"\n", b"\r\n"))
    assert base_settings(commit(), PARAMS)[0] == before


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"gate: 12\n", r"params.yaml: gate is 12, but must be settings by name"),
        (b"gate: {}\n# \xff\n", r"what `git show .*params.yaml` prints is not UTF-8"),
        (b"gate: {}\ngate: {}\n", r"params.yaml is not valid YAML: .*duplicate key"),
    ],
    ids=["number", "not UTF-8", "twice"],
)
def test_a_base_s_file_that_cannot_be_read_is_named(base: str, content: bytes, said: str) -> None:
    stated = PARAMS.read_bytes()
    PARAMS.write_bytes(content)
    broken = commit()
    PARAMS.write_bytes(stated)
    with pytest.raises((ConfigError, DataError), match=f"(?s){said}"):
        base_settings(broken, PARAMS)


def test_the_base_s_results_are_those_in_git(base: str, folder: Path) -> None:
    seeds(report(folder), linear__accuracy=[0.91, 0.92])
    commit()
    report(folder, linear="0.5")
    (folder / "reports/seeds.json").unlink()
    found = base_results("HEAD", PARAMS)
    assert found.name == f"baseline {git('rev-parse', '--short', 'HEAD')}"
    assert found.results and found.results.values["linear.accuracy"] == (0.91, 0.92)


def test_a_base_without_results_says_so(base: str, folder: Path) -> None:
    report(folder)
    found = base_results(base, PARAMS)
    assert found.results is None and found.lacks == "it has no reports/metrics.json in git"


def test_a_base_s_results_are_not_those_of_another_file(base: str, folder: Path) -> None:
    report(folder)
    commit()
    found = base_results("HEAD", Path("recipes/smoke.yaml"))
    assert found.results is None and "to params.yaml, not to recipes/smoke.yaml" in found.lacks


def test_a_base_s_broken_results_are_named_with_its_commit(base: str, folder: Path) -> None:
    (report(folder) / "reports/metrics.json").write_text("{")
    short = git("rev-parse", "--short", commit())
    with pytest.raises(DataError, match=rf"at {short}, reports/metrics\.json is not valid JSON"):
        base_results("HEAD", PARAMS)


def test_a_project_in_a_folder_of_a_repository_has_a_base(
    write_params: Write, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git("init", "-q")
    (folder / "project").mkdir()
    write_params({"gate.floors": {"linear.accuracy": 0.7}}).rename("project/params.yaml")
    report(folder / "project")
    monkeypatch.chdir(folder / "project")
    commit()
    assert base_settings("HEAD", PARAMS)[1].startswith("params.yaml at")
    found = base_results("HEAD", PARAMS).results
    assert found and found.values["linear.accuracy"] == (0.91,)


@pytest.fixture
def shallow(base: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone of the last commit only; its origin has a branch `base` that it does not know."""
    report(folder)
    commit()
    git("branch", "base")
    report(folder, linear="0.95")
    commit()
    git("clone", "-q", "--depth", "1", f"file://{folder}", "clone")
    monkeypatch.chdir(folder / "clone")
    return folder / "clone"


def test_a_shallow_clone_works_once_the_base_is_fetched(shallow: Path) -> None:
    git("fetch", "-q", "--depth", "1", "origin", "base")
    assert base_settings("FETCH_HEAD", PARAMS)[1].startswith("params.yaml at")
    found = base_results("FETCH_HEAD", PARAMS).results
    assert found and found.values["linear.accuracy"] == (0.91,)


def test_a_shallow_clone_that_lacks_the_base_says_how_to_fetch_it(shallow: Path) -> None:
    with pytest.raises(ConfigError, match=r"shallow: `git fetch --depth 1 origin BRANCH`"):
        base_settings("HEAD~1", PARAMS)


def test_a_base_whose_files_git_cannot_read_is_no_base_without_results(
    base: str, folder: Path
) -> None:
    """As in a clone without blobs, away from its origin: nothing is passed over silently."""
    report(folder)
    commit()
    blob = git("rev-parse", "HEAD:reports/metrics.json")
    (folder / ".git/objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(DataError, match=r"git cannot read .*:reports/metrics\.json"):
        base_results("HEAD", PARAMS)


def test_a_recipe_s_gate_lies_over_params_yaml_s_at_the_base_too(
    base: str, folder: Path, write_params: Write
) -> None:
    (folder / "recipes").mkdir()
    smoke = Path("recipes/smoke.yaml")
    smoke.write_text("gate: {floors: {linear.accuracy: 0.5}}\n")
    own = commit()
    smoke.write_text("gate: {floors: {linear.accuracy: 0.1}, model: other}\n")
    write_params({"gate.drops": {"linear.accuracy": 0.9}})
    found, place = base_settings(own, smoke)
    whole = base_settings(own, PARAMS)[0]
    assert found == whole.model_copy(update={"floors": whole.floors | {"linear.accuracy": 0.5}})
    assert place == f"recipes/smoke.yaml at {own[:7]}"


def test_a_recipe_that_the_base_lacks_is_the_working_tree_s(base: str, folder: Path) -> None:
    (folder / "recipes").mkdir()
    smoke = Path("recipes/smoke.yaml")
    smoke.write_text("gate: {floors: {linear.accuracy: 0.5}}\n")
    found, place = base_settings(base, smoke)
    assert found.floors["linear.accuracy"] == 0.5 and f"since {base[:7]} has no gate" in place


def test_a_base_of_an_earlier_version_names_the_verdict_as_it_was(write_params: Write) -> None:
    git("init", "-q")
    write_params({"gate.verdicts": ["learning"]})
    before = commit()
    write_params({"gate.verdicts": ["healthy"]})
    assert base_settings(before, PARAMS)[0].verdicts == ("healthy",)
