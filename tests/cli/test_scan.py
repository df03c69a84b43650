"""`twinview scan`, and the settings that `twinview repro --data` writes for a folder."""

import json
from pathlib import Path

import pytest

from tests.support.picture_folder import write_litter, write_pictures
from tests.support.workspace import ROOT
from twinview.cli import main, own_pictures
from twinview.core import paths
from twinview.core.errors import DataError
from twinview.settings import params

PARAMS = Path("params.yaml")


@pytest.fixture(autouse=True)
def project(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project outside git, with a recipe for pictures."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(folder.parent))
    for name in (".dvc", "recipes", "data"):
        (folder / name).mkdir()
    for name in ("params.yaml", "recipes/pictures.yaml"):
        Path(name).write_bytes((ROOT / name).read_bytes())
    return folder


@pytest.fixture(autouse=True)
def _known_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of a known rate, so that the settings are the same on every machine."""
    monkeypatch.setattr("twinview.learning.rate.measure_rate", lambda *given: 300.0)


@pytest.fixture
def mine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of pictures that lies elsewhere."""
    place = tmp_path_factory.mktemp("my pictures")
    write_pictures(place)
    return place


def test_a_scan_of_one_file_counts_it_in_the_singular(
    mine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own_pictures.use_folder(mine)
    for file in sorted(path for path in mine.rglob("*") if path.is_file())[1:]:
        file.unlink()
    capsys.readouterr()
    assert main(["scan"]) == 0
    assert f"{mine} holds 1 file;" in capsys.readouterr().out


def test_a_scan_accounts_for_every_row_of_the_table_of_examples(
    mine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own_pictures.use_folder(mine)
    (mine / ".hidden").touch()
    for name in ("nowhere", "neither"):
        (mine / name).symlink_to("absent")
    capsys.readouterr()
    assert main(["scan", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["files"] == 60
    assert said["left_out"] == {"linked to nothing": 2, "hidden or a system's": 1}
    assert main(["scan"]) == 0
    words = "holds 60 files (left out: 2 linked to nothing, 1 hidden or a system's); data/scan.json"
    assert f"{mine} {words}" in capsys.readouterr().out


def test_a_scan_says_what_has_changed(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own_pictures.use_folder(mine)
    capsys.readouterr()
    assert main(["scan", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["files"] == 60
    (mine / "red" / "0.png").unlink()
    (mine / "red" / "1.png").write_text("another")
    (mine / "red" / "new.png").write_text("new")
    record = paths.SCAN.read_bytes()
    assert main(["scan"]) == 0
    said = capsys.readouterr().out
    for part in ("1 added (red/new.png)", "1 deleted (red/0.png)", "1 changed (red/1.png)"):
        assert part in said
    assert "data/scan.json is renewed" in said and paths.SCAN.read_bytes() != record
    assert main(["scan"]) == 0
    assert "data/scan.json is up to date" in capsys.readouterr().out


def test_another_folder_is_not_compared_with_the_one_before(
    mine: Path, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path_factory.mktemp("others")
    write_pictures(other, each=5)
    for place in (mine, other):
        own_pictures.use_folder(place)
        assert main(["scan"]) == 0
    assert "since the last scan" not in capsys.readouterr().out


def test_a_source_without_a_folder_is_not_scanned(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["scan"]) == 1
    assert "data.source is 'fashion_mnist', which has no folder" in capsys.readouterr().err


def test_the_settings_for_a_folder_are_said_and_undone(
    mine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_litter(mine)
    before = PARAMS.read_bytes()
    print(own_pictures.use_folder(mine).text)
    said = capsys.readouterr().out
    for part in (
        "63 files (left out: 1 hidden",
        "60 PNG; unreadable: 1 broken, 1 empty, 1 no picture",
        "shorter sides from 24 to 24 pixels",
        "3 folders",
        "`twinview use --undo`",
    ):
        assert part in said
    settings = params.load()
    assert "The training will take some 1 minute on this machine" in said
    assert settings.pretrain.epochs == 200 and settings.data.size == 32
    assert settings.data.source == "folder" and settings.pretrain.labels == "unused"
    assert settings.sources["folder"]["path"] == str(mine)
    assert main(["use", "--undo"]) == 0 and PARAMS.read_bytes() == before


def test_settings_that_are_of_the_folder_already_stay(mine: Path) -> None:
    own_pictures.use_folder(mine)
    PARAMS.write_text(PARAMS.read_text().replace("channels: 3", "channels: 1", 1))
    edited = PARAMS.read_bytes()
    assert "stays as it is" in own_pictures.use_folder(mine).text
    assert PARAMS.read_bytes() == edited


def test_a_folder_without_pictures_changes_no_setting(tmp_path: Path) -> None:
    before = PARAMS.read_bytes()
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("text")
    with pytest.raises(DataError, match="holds no picture that can be read"):
        own_pictures.use_folder(tmp_path / "texts")
    with pytest.raises(DataError, match="nowhere does not exist"):
        own_pictures.use_folder(tmp_path / "nowhere")
    assert PARAMS.read_bytes() == before
