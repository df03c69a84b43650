"""dvc.lock: what is read of it, and which results are not those of the settings."""

import copy
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.report import UPSTREAM
from tests.support.commands import git
from tests.support.reports import report
from twinview.cli import main
from twinview.core import dvc_lock
from twinview.core.errors import DataError
from twinview.experiments import dvc_experiments, lock_file, provenance
from twinview.release import base_commit
from twinview.stages import pending

LOCK: dict[str, Any] = {
    "schema": "2.0",
    "stages": {
        "pretrain": {
            "deps": [
                {"path": "src/twinview/learning/loop.py", "md5": "c1"},
                {"path": "raw", "md5": "r"},
            ],
            "params": {"params.yaml": {"pretrain": {"epochs": 3}, "methods.byol": {"decay": 0.9}}},
            "outs": [{"path": "models/encoder", "md5": "e1", "size": 10}],
        },
        "evaluate": {
            "deps": [
                {"path": "models/encoder", "md5": "e1"},
                {"path": "pipeline/evaluate.py", "md5": "c2"},
            ],
            "outs": [
                {"path": "reports/metrics.json", "md5": "m1", "size": 2},
                {"path": "copy", "md5": "e1", "size": 10},
            ],
        },
        "report": {
            "deps": [
                {"path": "models/encoder", "md5": "other"}, {"path": "src/page.py", "md5": "p"},
            ],
            "params": {"params.yaml": {"report": {"points": 5}}},
            "outs": [{"path": "reports/report.html", "md5": "h1", "size": 5}],
        },
    },
}  # fmt: skip
TREE = {"pretrain": {"epochs": 3}, "methods": {"byol": {"decay": 0.9}}, "report": {"points": 9}}


def test_code_is_what_the_results_come_from() -> None:
    assert lock_file.code(LOCK) == {
        "src/twinview/learning/loop.py": "c1",
        "pipeline/evaluate.py": "c2",
    }


def test_equal_content_is_counted_once() -> None:
    assert lock_file.outs(LOCK) == {"e1": 10, "m1": 2, "h1": 5}


def test_the_hash_of_an_out_is_found() -> None:
    assert lock_file.hash_of(LOCK, Path("reports/metrics.json")) == "m1"
    assert lock_file.hash_of(LOCK, Path("reports/none.json")) is None


def test_results_of_the_settings_are_not_stale_whatever_the_page_is() -> None:
    assert lock_file.stale(LOCK, TREE) is None


def test_results_of_other_settings_are_stale() -> None:
    found = lock_file.stale(LOCK, TREE | {"pretrain": {"epochs": 4}})
    assert found == "pretrain ran with another pretrain.epochs than params.yaml states"
    found = lock_file.stale(LOCK, TREE | {"methods": {"byol": {"decay": 0.8}}})
    assert found == "pretrain ran with another methods.byol.decay than params.yaml states"


def test_a_stage_that_did_not_run_after_an_earlier_one_is_stale() -> None:
    lock = copy.deepcopy(LOCK)
    lock["stages"]["pretrain"]["outs"][0]["md5"] = "e2"
    assert lock_file.stale(lock, TREE) == "evaluate ran on another models/encoder than there is"


BROKEN = {
    "empty": b"",
    "a list": b"- stages",
    "without stages": b"schema: '2.0'",
    "of another format": b"stages: [prepare]",
    "a stage without content": b"stages: {prepare: null}",
    "a dep without checksum": b"stages: {prepare: {deps: [{path: data}]}}",
    "an out without size": b"stages: {prepare: {outs: [{path: data, md5: '1'}]}}",
    "in conflict": b"<<<<<<< HEAD\nstages: {}\n=======\nstages: {}\n>>>>>>> other\n",
    "cut off": b"stages: {",
    "not UTF-8": b"stages: {\xff: {}}",
}


@pytest.fixture
def project(write_params: Callable[..., Path], folder: Path) -> Path:
    """A folder with results, in git and checked before."""
    write_params({})
    report(folder)
    (folder / ".dvc").mkdir()
    (folder / "dvc.yaml").touch()
    (folder / "reports/baselines.json").write_text("{}")
    git("init", "-q")
    commit("results")
    return folder


def commit(subject: str) -> None:
    git("add", "-A")
    git("commit", "-q", "-m", subject)


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_a_broken_dvc_lock_is_one_paragraph_with_the_remedy_in_every_command(
    content: bytes, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "dvc.lock").write_bytes(content)
    for command in ("show", "gate", "compare workspace", "seeds", "check", "clean views"):
        assert main(command.split()) == 1, command
        said = capsys.readouterr().err
        assert "dvc.lock is broken (" in said and "`git checkout HEAD dvc.lock`" in said, command
        assert said.count("\n") <= 2, said
    for reader in (provenance.data, lambda: lock_file.recorded_outs(UPSTREAM), pending.recorded):
        with pytest.raises(DataError, match=r"dvc\.lock is broken \("):
            reader()


def test_the_marks_of_a_conflict_are_called_so(folder: Path) -> None:
    (folder / "dvc.lock").write_bytes(BROKEN["in conflict"])
    for reader in (dvc_lock.load, pending.recorded):
        with pytest.raises(DataError, match="it has the marks of a conflict"):
            reader()


def test_a_broken_dvc_lock_of_a_commit_is_told_as_the_folder_s(project: Path) -> None:
    (project / "dvc.lock").write_bytes(BROKEN["not UTF-8"])
    commit("broken")
    with pytest.raises(DataError, match=r"dvc\.lock is broken \("):
        dvc_lock.load(dvc_experiments.commit_reader("HEAD", "the commit"))


def test_without_a_dvc_lock_there_are_no_stages(folder: Path) -> None:
    assert dvc_lock.load() == {"stages": {}}


def locked(folder: Path) -> dict[str, Any]:
    """A dvc.lock of the reports that are there."""
    names = ("reports/metrics.json", "reports/pretrain/metrics.json")
    made = [
        {"path": n, "md5": hashlib.md5((folder / n).read_bytes()).hexdigest(), "size": 1}
        for n in names
    ]
    return {"stages": {"evaluate": {"outs": made}}}


def test_reports_that_a_stage_did_not_write_are_named(folder: Path) -> None:
    lock, read = locked(report(folder)), dvc_experiments.folder_reader(folder)
    assert lock_file.altered(lock, read) is None
    report(folder, linear="0.99")
    said = "reports/metrics.json is not what evaluate wrote, by its checksum in dvc.lock"
    assert lock_file.altered(lock, read) == said
    report(folder, verdict="slow")
    assert str(lock_file.altered(lock, read)).startswith("reports/pretrain/metrics.json is not")


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_line_ends_that_git_changes_alter_no_report(ends: str, folder: Path) -> None:
    path = report(folder) / "reports/metrics.json"
    path.write_text('{"linear": {"accuracy": 0.9}}\n')
    lock = locked(folder)
    path.write_bytes(path.read_bytes().replace(b"\n", ends.encode()))
    assert lock_file.altered(lock, dvc_experiments.folder_reader(folder)) is None


def test_a_commit_s_reports_are_compared_with_its_own_dvc_lock(project: Path) -> None:
    path, read = (
        project / "reports/metrics.json",
        dvc_experiments.commit_reader("HEAD", "the commit"),
    )
    lock = locked(project)
    path.write_text("edited since")
    assert lock_file.altered(lock, read) is None
    lock["stages"]["evaluate"]["outs"][0]["md5"] = "another"
    assert lock_file.altered(lock, read) is not None


def test_every_command_that_reads_reports_says_that_they_were_altered(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "dvc.lock").write_text(json.dumps(locked(project)))
    for status, command in ((1, "gate"), (0, "show"), (0, "compare workspace")):
        said = "reports/metrics.json is not what evaluate wrote"
        assert main(command.split()) in (0, status) and said not in capsys.readouterr().out
    report(project, linear="0.99")
    (project / "reports/baselines.json").write_text("{}")
    for status, command in ((1, "gate"), (0, "show"), (1, "compare workspace")):
        assert main(command.split()) == status
        assert said in "".join(capsys.readouterr())


def test_a_base_whose_reports_were_altered_is_nothing_to_compare_with(project: Path) -> None:
    (project / "dvc.lock").write_text(json.dumps(locked(project)).replace('"md5": "', '"md5": "0'))
    commit("altered")
    found = base_commit.base_results("HEAD", Path("params.yaml"))
    assert found.results is None and found.lacks.startswith("its reports/metrics.json is not what")


def test_a_stage_ran_with_the_settings_that_dvc_recorded() -> None:
    lock = {"stages": {"prepare": {"params": {"params.yaml": {"data": {"seed": 0}}}}}}
    assert lock_file.ran_with(lock, "prepare", {"data": {"seed": 0}, "views": {}})
    assert not lock_file.ran_with(lock, "prepare", {"data": {"seed": 1}})
    assert not lock_file.ran_with(lock, "views", {"data": {"seed": 0}})


def test_settings_that_came_later_with_their_neutral_value_make_nothing_stale() -> None:
    lock = {"stages": {"prepare": {"params": {"params.yaml": {"data": {"test": 9}, "tasks": {}}}}}}
    later = {"data": {"test": 9, "size": 28}, "tasks": {"clusters": {"seed": 0}}}
    assert lock_file.stale(lock, later) is None
    assert "data.size" in (lock_file.stale(lock, later | {"data": {"test": 9, "size": 32}}) or "")
    assert "data.unknown" in (lock_file.stale(lock, {"data": {"test": 9, "unknown": 1}}) or "")
