"""Stages replace what they write as a whole: what cannot be replaced is named before the work."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.support.workspace import ROOT
from twinview.cli import main
from twinview.core import outs, paths
from twinview.core.errors import DataError
from twinview.stages import stage
from twinview.tracking import mlflow_runs


def test_outs_are_those_of_dvc_yaml() -> None:
    stages = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text())["stages"].values()
    kinds = ("outs", "metrics", "plots")
    entries = [entry for one in stages for kind in kinds for entry in one.get(kind, [])]
    named = {entry if isinstance(entry, str) else next(iter(entry)) for entry in entries}
    assert named == {str(out) for out in paths.OUTS}


def link(name: str, to: Path) -> None:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).symlink_to(to)


@pytest.mark.parametrize("name", ["data/views", "models/encoder", "reports/report.html", "data"])
@pytest.mark.parametrize("there", [True, False])
def test_a_link_is_named_with_where_it_leads(name: str, there: bool, folder: Path) -> None:
    if there:
        (folder / "disk").mkdir()
    link(name, folder / "disk")
    said = rf"  {name} is a link to {folder}/disk\n.*dvc cache dir --local .*data/raw may be a link"
    with pytest.raises(DataError, match=said):
        outs.check()


def test_files_for_folders_and_folders_for_files_are_named_all_at_once(folder: Path) -> None:
    Path("reports/report.html").mkdir(parents=True)
    Path("data").mkdir()
    for name in ("models", "data/views"):
        Path(name).touch()
    with pytest.raises(DataError) as caught:
        outs.check()
    assert caught.value.faults == (
        "data/views is a file, where a folder has to be",
        "models is a file, where a folder has to be",
        "reports/report.html is a folder, where a file has to be",
    )


def test_what_stages_and_dvc_leave_there_is_in_order(folder: Path) -> None:
    """Also a link into DVC's cache, wherever that is, and raw data on another disk."""
    outs.check()
    for out in paths.OUTS:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.touch() if out.suffix else out.mkdir()
    paths.REPORT.unlink()
    link(str(paths.REPORT), folder / "disk/files/md5/4b/43b0")
    link("data/raw", folder)
    outs.check()


def test_check_and_every_stage_say_so_before_anything(
    folder: Path, write_params: Callable[..., Path], capfd: pytest.CaptureFixture[str]
) -> None:
    write_params({})
    (folder / ".dvc").mkdir()
    link("data/views", folder)
    assert main(["check"]) == 1
    with pytest.raises(SystemExit):
        stage.run(lambda: pytest.fail("started"))
    assert capfd.readouterr().err.count("data/views is a link to") == 2


def test_check_names_code_of_another_folder(
    write_params: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    write_params({})
    Path("src/twinview").mkdir(parents=True)
    assert main(["check"]) == 0
    assert f"the code that runs is that of {ROOT}/src/twinview, but" in capsys.readouterr().out


def database_without_files(experiment: str, files: Path) -> None:
    """An mlflow.db in the current folder, with a run whose files stayed there."""
    (files / "1").mkdir(parents=True)
    with sqlite3.connect("mlflow.db") as opened:
        opened.execute("CREATE TABLE experiments (name, artifact_location)")
        opened.execute("CREATE TABLE runs (artifact_uri)")
        opened.execute("INSERT INTO experiments VALUES (?, ?)", [experiment, f"{files.as_uri()}/1"])
        opened.execute("INSERT INTO runs VALUES (?)", [f"{files.as_uri()}/1"])


@pytest.mark.parametrize("experiment", [mlflow_runs.PIPELINE, mlflow_runs.PRETRAINING])
def test_check_names_a_database_that_came_without_its_runs_files(
    experiment: str,
    folder: Path,
    write_params: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_params({})
    files = folder / "born/mlartifacts"
    database_without_files(experiment, files)
    assert main(["check"]) == 1
    assert (
        f"files of 1 of its runs are still in {files}; copy them by `cp -a"
        in capsys.readouterr().err
    )
