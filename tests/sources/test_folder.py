"""The source `folder`: what it takes for labels, groups and splits, and what it refuses."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.picture_folder import write_pictures
from twinview.core.errors import ConfigError, DataError
from twinview.data.file_source import FileSource
from twinview.data.label_tables import Columns
from twinview.sources.folder import folder

SPLITS = {"fit": "train", "check": "validation", "final": "test"}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_pictures(tmp_path / "mine", each=2)
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "mine"


def given(place: Path, **changes: Any) -> FileSource:
    options: dict[str, Any] = {
        "path": str(place), "labels": "none", "layout": "label", "table": None,
        "columns": Columns(path="path", label="label", group="camera", split="part"),
        "split_names": SPLITS, "ids": "paths",
    }  # fmt: skip
    return folder(**(options | changes))


def test_without_labels_there_are_files_alone(place: Path) -> None:
    found = given(place)
    assert len(found.scan.files) == 6
    assert found.labels.labels is None is found.labels.groups
    assert found.also == ()


def test_the_folder_may_be_named_from_the_project(place: Path) -> None:
    assert given(place, path="../mine").scan.files.keys() == given(place).scan.files.keys()


def test_folders_give_labels(place: Path) -> None:
    found = given(place, labels="folders")
    assert found.labels.labels == ("blue", "blue", "green", "green", "red", "red")


def test_a_table_gives_labels_groups_and_splits(place: Path) -> None:
    table = place.parent / "labels.csv"
    table.write_text("path,label,camera,part\nblue/0.png,NA,7,fit\nred/1.png,,8,final\n")
    found = given(place, labels="table", table=str(table))
    assert found.labels.labels == ("NA", None, None, None, None, None)
    assert found.labels.groups == ("7", None, None, None, None, "8")
    assert found.labels.splits == ("train", None, None, None, None, "test")
    assert found.also == (table,)


def test_a_table_is_read_only_where_labels_come_from_it(place: Path) -> None:
    found = given(place, labels="folders", table="no such file.csv")
    assert found.also == ()


def test_a_folder_that_does_not_exist_is_named(place: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere does not exist; name a folder"):
        given(place / "nowhere")


def test_a_table_that_does_not_exist_is_named(place: Path) -> None:
    with pytest.raises(ConfigError, match=r"no such file\.csv"):
        given(place, labels="table", table="no such file.csv")
