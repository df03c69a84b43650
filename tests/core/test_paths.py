"""Where the project is."""

from pathlib import Path

import pytest

from tests.support.copies import enter_copy
from twinview.core import paths


@pytest.mark.parametrize("place", [".", "standalone/tmp2/in/a/larger/repository"])
def test_dvc_s_temporary_copy_is_of_the_project_that_dvc_names(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deeper = enter_copy(tmp_path, monkeypatch) / place
    deeper.mkdir(parents=True, exist_ok=True)
    monkeypatch.chdir(deeper)
    assert paths.root() == tmp_path


@pytest.mark.parametrize("other", ["born", "home", "moved away", "."])
def test_a_variable_that_names_another_folder_does_not_count(
    other: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for project in ("born", "new"):
        (tmp_path / project / ".dvc").mkdir(parents=True)
        (tmp_path / project / ".dvc/config").touch()
    (tmp_path / "home").mkdir()
    monkeypatch.chdir(tmp_path / "new")
    monkeypatch.setenv("DVC_ROOT", str(tmp_path / other))
    assert paths.root() == tmp_path / "new"


def test_without_the_variable_the_current_folder_is_the_project_s(folder: Path) -> None:
    assert paths.root() == folder
