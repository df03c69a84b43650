"""Which edits make DVC train anew, asked of DVC in a small copy of the project."""

import shutil
import sys
from pathlib import Path

import pytest

from pipeline.pretrain import STAGE
from tests.support.commands import git, output
from tests.support.workspace import ROOT

COPIED = ("dvc.yaml", "params.yaml", ".dvcignore", "pipeline", "src")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The code, and a stage pretrain whose outs DVC has recorded as up to date."""
    folder = tmp_path_factory.mktemp("recorded")
    for name in COPIED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
        copy(ROOT / name, folder / name)
    reads = (str(read).replace("${pretrain.labels}", "used") for read in STAGE.reads)
    for path in map(Path, (*reads, *STAGE.outs)):
        file = folder / path if path.suffix else folder / path / "any"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(str(path))
    git("init", "-q", folder=folder)
    dvc("init", "--quiet", folder=folder)
    dvc("commit", "--quiet", "--force", "pretrain", folder=folder)
    return folder


def dvc(*arguments: str, folder: Path) -> str:
    return output(sys.executable, "-m", "dvc", *arguments, cwd=folder)


def stale(project: Path, *files: str) -> str:
    """What DVC says of pretrain once a comment has been added to these files."""
    before = {file: (project / file).read_bytes() for file in files}
    for file, content in before.items():
        (project / file).write_bytes(content + b"# edited\n")
    try:
        return dvc("status", "pretrain", folder=project)
    finally:
        for file, content in before.items():
            (project / file).write_bytes(content)


def test_an_edit_of_what_is_aside_leaves_pretraining_up_to_date(project: Path) -> None:
    tracking = [
        str(path.relative_to(project)) for path in project.glob("src/twinview/tracking/*.py")
    ]
    assert "src/twinview/tracking/mlflow_runs.py" in tracking
    said = stale(project, *tracking, "src/twinview/stages/stage.py", "src/twinview/core/locks.py")
    assert "up to date" in said


def test_an_edit_of_the_loop_makes_pretraining_stale(project: Path) -> None:
    said = stale(project, "src/twinview/learning/loop.py", "src/twinview/tracking/columns.py")
    assert said.split() == [
        *("pretrain:", "changed", "deps:"),
        *("modified:", "src/twinview/learning/loop.py"),
    ]
