"""Where the project is."""

from pathlib import Path

import pytest

from twinview import paths


def make_project(folder: Path) -> Path:
    (folder / ".dvc").mkdir(parents=True)
    (folder / ".dvc/config").touch()
    return folder


def test_dvc_s_temporary_copy_is_of_the_project_that_dvc_names(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(make_project(folder / "project")))
    for place in ("tmp1", "standalone/tmp2/in/a/larger/repository"):
        monkeypatch.chdir(make_project(folder / "project/.dvc/tmp/exps" / place))
        assert paths.root() == folder / "project"


def test_a_variable_of_another_project_does_not_count(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_project(folder / "born")
    monkeypatch.chdir(make_project(folder / "new"))
    for other in ("born", "moved away"):
        monkeypatch.setenv("DVC_ROOT", str(folder / other))
        assert paths.root() == folder / "new"
