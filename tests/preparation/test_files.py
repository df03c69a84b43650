"""A folder of pictures becomes splits, and nothing of it is left out in silence."""

import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import torch

from tests.support.copies import enter_copy
from tests.support.picture_folder import COLOURS, write_litter, write_pictures
from twinview.core import paths
from twinview.core.errors import ConfigError, DataError
from twinview.data.examples import SCHEMA
from twinview.data.file_source import FileSource
from twinview.data.folder_scan import scan_folder
from twinview.data.labels import Labels, labels_by_folder
from twinview.pictures.files import read_picture
from twinview.preparation.division import Divided
from twinview.preparation.files import example_id, prepare_files
from twinview.settings.sections import Data

OPTIONS = {
    "source": "folder", "modality": "image", "size": 16, "channels": 3, "background": (0, 0, 0),
    "jpeg_margin": 2, "max_left_out": None, "train": 0.5, "validation": 0.25, "test": 0.25,
    "seed": 0, "pairs": None, "duplicates": "report", "near_pairs": "report",
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of 60 pictures outside of the project, which is the current folder."""
    write_pictures(tmp_path / "mine")
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "mine"


def source(folder: Path, *, labelled: bool = True, numbered: bool = False) -> FileSource:
    scan = scan_folder(folder)
    labels = labels_by_folder(list(scan.files), "label") if labelled else Labels()
    return FileSource(folder, scan, labels, numbered=numbered)


def prepared(
    given: FileSource, *, stratified: bool = True, **changes: Any
) -> tuple[Divided, dict[str, dict[str, Any]]]:
    """What prepare_files returns, and the rows of its table by origin."""
    options = Data(**(OPTIONS | changes))
    found = prepare_files(
        given,
        options,
        Path(tempfile.mkdtemp()),
        stratified=stratified,
        progress=lambda items, total, what: iter(items),
    )
    rows = pa.table(dict(found.table), schema=SCHEMA).to_pylist()
    return found, {row["origin"]: row for row in rows}


def test_each_example_has_the_pixels_and_the_label_of_its_file(folder: Path) -> None:
    found, rows = prepared(source(folder))
    origin = {row["id"]: path for path, row in rows.items()}
    for name, split in found.prepared.splits.items():
        assert split.labels is not None
        for inputs, label, row_id in zip(split.inputs, split.labels, split.ids, strict=True):
            path = origin[int(row_id)]
            assert inputs.equal(read_picture(folder / path, (3, 16, 16)).pixels)
            assert found.prepared.classes[label] == path.split("/")[0] == rows[path]["label"]
            assert rows[path]["split"] == name and rows[path]["status"] == "used"
    assert {name: len(split) for name, split in found.prepared.splits.items()} == {
        "train": 30, "validation": 15, "test": 15,
    }  # fmt: skip


def test_whatever_is_left_out_is_in_the_table_with_its_reason(folder: Path) -> None:
    reasons = write_litter(folder)
    _, rows = prepared(source(folder))
    left_out = {path: row["reason"] for path, row in rows.items() if row["status"] == "left_out"}
    assert left_out == reasons
    assert len(rows) == 60 + len(reasons)


def test_splits_are_stratified_only_where_labels_are_used(folder: Path) -> None:
    found, _ = prepared(source(folder), stratified=True)
    labels = found.prepared.splits["test"].labels
    assert labels is not None and torch.bincount(labels).tolist() == [5, 5, 5]
    known, unknown = (
        prepared(source(folder, labelled=labelled), stratified=False)[0].prepared
        for labelled in (True, False)
    )
    for name, split in known.splits.items():
        assert split.ids.equal(unknown.splits[name].ids)
        assert split.inputs.equal(unknown.splits[name].inputs)
        assert unknown.splits[name].labels is None


def test_notes_on_classes_come_also_where_the_splits_do_not_depend_on_labels(folder: Path) -> None:
    for path in list((folder / "red").iterdir())[1:]:
        path.unlink()
    for stratified in (True, False):
        found, _ = prepared(source(folder), stratified=stratified, train=0.5)
        assert "the class 'red' has one example" in found.notes


def test_a_file_that_comes_or_goes_leaves_the_splits_of_most_others(folder: Path) -> None:
    _, before = prepared(source(folder), stratified=False)
    (folder / "red" / "0.png").unlink()
    _, after = prepared(source(folder), stratified=False)
    moved = [path for path in after if after[path]["split"] != before[path]["split"]]
    assert len(moved) <= 3


@pytest.mark.parametrize("copied", [False, True], ids=["in the project", "in an experiment"])
def test_decoded_files_are_not_decoded_again(
    copied: bool, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = prepared(source(folder))
    assert any(paths.DECODED.iterdir())
    if copied:
        enter_copy(Path.cwd(), monkeypatch)
    monkeypatch.setattr(
        "twinview.pictures.decoding_processes.decode",
        lambda recipe, files, workers: (pytest.fail("decoded") for file in files),
    )
    again, _ = prepared(source(folder))
    for name, split in first.prepared.splits.items():
        assert split.inputs.equal(again.prepared.splits[name].inputs)


def test_a_file_that_vanishes_is_left_out_and_it_is_said_how_it_is_read_again(folder: Path) -> None:
    scanned = source(folder)
    kept = folder / "red" / "0.png"
    pixels = kept.read_bytes()
    kept.unlink()
    found, rows = prepared(scanned)
    assert rows["red/0.png"]["reason"] == "gone while the folder was read"
    [note] = [note for note in found.notes if "may pass" in note]
    assert note.startswith("1 gone while the folder was read") and "--force prepare" in note
    kept.write_bytes(pixels)
    again, rows = prepared(source(folder))
    assert rows["red/0.png"]["status"] == "used" and not any("may pass" in n for n in again.notes)


def test_some_labels_may_be_missing(folder: Path) -> None:
    write_pictures(folder / "deeper")
    for path in (folder / "deeper" / "red").iterdir():
        path.rename(folder / f"unsorted {path.name}")
    found, rows = prepared(source(folder))
    numbers = torch.cat([split.labels for split in found.prepared.splits.values()])  # type: ignore[misc]
    assert found.prepared.classes == ("blue", "deeper", "green", "red")
    assert (numbers == -1).sum() == 20 == sum(row["label"] is None for row in rows.values())
    assert any("20 of 120 examples have no label" in note for note in found.notes)


def test_groups_stay_together(folder: Path) -> None:
    scan = scan_folder(folder)
    groups = tuple(f"camera {int(Path(path).stem) % 6}" for path in scan.files)
    found, _ = prepared(FileSource(folder, scan, Labels(None, groups, None)))
    in_splits = [
        set(split.groups.tolist())  # type: ignore[union-attr]
        for split in found.prepared.splits.values()
    ]
    assert sum(map(len, in_splits)) == len(set.union(*in_splits)) == 6


def test_numbered_files_keep_their_numbers(folder: Path) -> None:
    for number, path in enumerate(sorted(folder.rglob("*.png"))):
        path.rename(path.with_name(f"{number:05}.png"))
    found, _ = prepared(source(folder, numbered=True))
    ids = torch.cat([split.ids for split in found.prepared.splits.values()])
    assert sorted(ids.tolist()) == list(range(60))
    for split in found.prepared.splits.values():
        assert split.ids.equal(split.ids.sort().values)


def test_a_file_that_is_no_picture_needs_no_number_and_takes_none(folder: Path) -> None:
    for number, path in enumerate(sorted(folder.rglob("*.png"))):
        path.rename(path.with_name(f"{number:05}.png"))
    for name in ("README.txt", "12.txt"):
        (folder / name).write_text("about the pictures")
    found, rows = prepared(source(folder, numbered=True))
    assert sum(map(len, found.prepared.splits.values())) == 60
    assert {rows[name]["reason"] for name in ("README.txt", "12.txt")} == {"no picture"}
    assert len({row["id"] for row in rows.values()}) == 62


def test_a_name_that_is_no_number_is_named() -> None:
    with pytest.raises(DataError, match=r"red/x1\.png has a name that is no number"):
        example_id("red/x1.png", numbered=True)


def test_a_folder_without_a_readable_picture_is_refused_with_the_reasons(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("text")
    (tmp_path / "b.png").touch()
    with pytest.raises(DataError, match=r"of 2 files \(1 \w+.*, 1 \w+.*\); name a folder"):
        prepared(source(tmp_path, labelled=False))


def test_too_many_files_that_cannot_be_read_are_refused_with_the_reasons(folder: Path) -> None:
    write_litter(folder)
    message = r"data\.max_left_out is 0\.01, and 3 of 63 files cannot be read .*1 broken"
    with pytest.raises(DataError, match=message):
        prepared(source(folder), max_left_out=0.01)
    prepared(source(folder), max_left_out=0.05)


def test_more_examples_than_there_are_cannot_be_wanted(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"ask for 61 rows .* where the source has 60"):
        prepared(source(folder), train=41, validation=10, test=10)


def test_examples_beyond_the_wanted_sizes_are_left_out_by_name(folder: Path) -> None:
    _, rows = prepared(source(folder), train=20, validation=10, test=10)
    reasons = [row["reason"] for row in rows.values() if row["status"] == "left_out"]
    assert reasons == ["beyond the wanted sizes of the splits"] * 20
    assert set(COLOURS) == {row["label"] for row in rows.values()}


def test_hardly_any_examples_in_a_split_are_refused(folder: Path) -> None:
    message = r"data\.test give too few of the 60 examples \(test: 2\), where 3 are needed"
    with pytest.raises(ConfigError, match=message):
        prepared(source(folder), train=40, validation=10, test=2)
