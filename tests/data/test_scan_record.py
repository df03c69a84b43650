"""The file that stands for a folder changes when, and only when, the folder does."""

import os
from pathlib import Path

import pytest

from twinview.core import declare, registry
from twinview.data import scan_record
from twinview.data.file_source import FileSource
from twinview.data.folder_scan import scan_folder
from twinview.data.labels import Labels


def renew(folder: Path, table: Path | None = None) -> bool:
    given = FileSource(folder, scan_folder(folder), Labels(), also=(table,) if table else ())
    return scan_record.renew(folder.parent / "scan.json", given)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "mine"
    place.mkdir()
    for name in "abc":
        (place / f"{name}.png").write_text(name)
    return place


def test_the_record_is_written_once(folder: Path) -> None:
    assert renew(folder)
    assert not renew(folder)
    assert "mine" not in (folder.parent / "scan.json").read_text()


def test_a_file_that_comes_goes_or_changes_renews_it(folder: Path) -> None:
    renew(folder)
    (folder / "d.png").write_text("d")
    assert renew(folder)
    (folder / "d.png").unlink()
    assert renew(folder)
    os.utime(folder / "a.png", ns=(0, 1))
    assert renew(folder)
    (folder / "a.png").rename(folder / "e.png")
    assert renew(folder)


@pytest.mark.parametrize("name", registry.names("sources"))
def test_only_files_of_the_user_are_recorded(name: str) -> None:
    """A package's files, as those of clip art, leave the record of the user's files alone."""
    declared = registry.declaration("sources", name)
    assert isinstance(declared, declare.Source)
    assert declared.of_user == (name in ("arrays", "folder", "series", "texts"))


def test_a_table_that_changes_renews_it(folder: Path) -> None:
    table = folder.parent / "labels.csv"
    table.write_text("path,label\na.png,x\n")
    assert renew(folder, table)
    assert not renew(folder, table)
    table.write_text("path,label\na.png,y\n")
    assert renew(folder, table)
