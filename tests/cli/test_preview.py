"""The preview: the pipeline on a part of the data, in a folder of its own."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.support.reports import report
from tests.support.workspace import ROOT
from twinview.cli import main, preview
from twinview.core import files, paths
from twinview.settings import params


@pytest.fixture
def project(folder: Path) -> Path:
    """A clone with the results of a full run."""
    for name in ("src", "pipeline", "recipes"):
        (folder / name).symlink_to(ROOT / name)
    (folder / ".dvc").mkdir()
    for name in ("dvc.yaml", "params.yaml", ".dvcignore", ".dvc/config"):
        shutil.copy(ROOT / name, folder / name)
    (folder / "dvc.lock").write_text("schema: '2.0'\nstages: {}")
    return results(folder, linear="0.93")


def results(folder: Path, linear: str = "0.91") -> Path:
    report(folder, linear=linear)
    (folder / "reports/baselines.json").write_text("{}")
    return folder


def content(folder: Path) -> dict[str, bytes]:
    """What the project holds outside of build/, links aside."""
    return {
        str(path): path.read_bytes()
        for part in ("params.yaml", "dvc.lock", "dvc.yaml", ".dvc/config", "reports")
        for path in sorted([*folder.glob(f"{part}/**/*"), folder / part])
        if path.is_file()
    }


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Path, tuple[str, ...]]]:
    """Where DVC was called and how; it leaves results in the place of a pipeline."""
    calls: list[tuple[Path, tuple[str, ...]]] = []

    def run(*arguments: str) -> int:
        calls.append((Path.cwd(), arguments))
        results(Path())
        return 0

    monkeypatch.setattr(preview, "dvc", run)
    return calls


def test_it_runs_to_the_page_in_a_folder_of_its_own_and_changes_nothing_else(
    project: Path, ran: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    before = content(project)
    assert main(["preview"]) == 0
    assert ran == [(project / preview.FOLDER, ("repro", "report"))]
    assert content(project) == before
    said = capsys.readouterr().out
    assert "The page: build/try/reports/report.html" in said
    assert "trains on 55,000 examples for 6 epochs (here 4,000 for 3)" in said
    assert "encoder, full run   0.930  0.860" in said and "encoder             0.910" in said


def test_a_second_run_finds_its_folder_and_takes_new_settings(
    project: Path, ran: list[Any]
) -> None:
    assert main(["preview"]) == 0
    (project / "recipes").unlink()
    shutil.copytree(ROOT / "recipes", project / "recipes")
    recipe = project / "recipes/try.yaml"
    recipe.write_text(recipe.read_text().replace("epochs: 3", "epochs: 2"))
    assert main(["preview"]) == 0
    assert params.load(preview.FOLDER / "params.yaml").pretrain.epochs == 2


def test_dvc_in_the_folder_looks_for_no_git_since_the_project_ignores_it(project: Path) -> None:
    preview.make_folder(params.stated(Path("recipes/try.yaml")))
    assert "no_scm = true" in (preview.FOLDER / ".dvc/config").read_text()
    assert files.load_json(preview.FOLDER / paths.SCAN) == {}


def test_fetched_data_are_those_of_the_project(project: Path) -> None:
    preview.make_folder(params.stated(Path("recipes/try.yaml")))
    (preview.FOLDER / "data/raw/file").touch()
    assert (project / "data/raw/file").is_file()


def test_it_ends_with_dvc_s_status(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(preview, "dvc", lambda *given: 255)
    assert main(["preview", "--json"]) == 255
    assert json.loads(capsys.readouterr().out)["error"] == "`dvc repro` ended with 255"


def test_outside_of_a_clone_it_says_what_is_missing(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "dvc.yaml").unlink()
    assert main(["preview"]) == 1
    assert "has no dvc.yaml; run in a clone of twinview" in capsys.readouterr().err
