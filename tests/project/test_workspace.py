"""Copies of the project: the raw data are fetched once for all of them."""

from pathlib import Path

import pytest

from tests.support import workspace
from tests.support.commands import git
from tests.support.workspace import make_workspace

SOURCE = """
from pathlib import Path

def fashion_mnist(folder, origin):
    Path(folder).mkdir(parents=True)
    Path(folder, "images").write_text(origin)
"""


def test_the_raw_data_are_fetched_into_the_project_and_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "project"
    for name, text in {
        "__init__": "",
        "sources/__init__": "",
        "sources/fashion_mnist": SOURCE,
    }.items():
        (file := root / f"src/twinview/{name}.py").parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    git("init", "-q", folder=root)
    monkeypatch.setattr(workspace, "ROOT", root)
    for name in ("first", "second"):  # fetching twice would fail
        make_workspace(tmp_path / name, "{}")
        assert (tmp_path / name / "data/raw/images").read_text() == "auto"
    assert (root / "data/raw/images").is_file(), "where CI keeps it"
