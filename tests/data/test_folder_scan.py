"""Scans: every entry is a file with its size and time, or left out by reason."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from twinview.core import folder_walk
from twinview.core.errors import DataError
from twinview.core.litter import HIDDEN, LEFTOVER
from twinview.data.folder_scan import Changes, compare_scans, load_scan, save_scan, scan_folder
from twinview.pictures.folders import list_folder

TWICE = "a folder that was read under another name"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pics").mkdir()
    return tmp_path / "pics"


def write(folder: Path, *names: str, content: str = "x") -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        os.utime(path, ns=(0, 1_000_000_007))


def test_a_file_has_its_size_and_its_time_to_the_nanosecond(folder: Path) -> None:
    write(folder, "a.png", content="abc")
    assert scan_folder(folder).files == {"a.png": (3, 1_000_000_007)}


def test_paths_have_the_order_of_their_bytes(folder: Path) -> None:
    names = ["Z", "a b", "a-b", "a/c", "a/d/e", "a.b", "ab", "é", "ﬁ", "😀"]
    write(folder, *names)
    listed = list(scan_folder(folder).files)
    assert listed == sorted(names, key=str.encode)


def test_the_order_in_which_the_disk_lists_a_folder_does_not_matter(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder, "a/x", "b/y", "c/z", "m", "../other/o")
    for name in ("k", "l"):
        (folder / name).symlink_to("../other")
    expected = scan_folder(folder)
    reverse_listing(monkeypatch)
    again = scan_folder(folder)
    assert list(again.files.items()) == list(expected.files.items())
    assert list(again.left_out.items()) == list(expected.left_out.items()) == [("l", TWICE)]


def test_a_linked_folder_is_entered_once_and_a_real_one_by_its_own_name(folder: Path) -> None:
    write(folder, "z/a.png", "../other/b.png", "../other/sub/c.png")
    for name, place in (("a", "z"), ("m", "../other"), ("n", "../other/sub"), ("y", "..")):
        (folder / name).symlink_to(place)
    (folder / "z/loop").symlink_to("..")
    scan = scan_folder(folder)
    assert list(scan.files) == ["m/b.png", "m/sub/c.png", "z/a.png"]
    assert scan.left_out == dict.fromkeys(["a", "n", "y/other", "y/pics", "z/loop"], TWICE)


def test_a_linked_file_has_the_size_and_time_of_its_target(folder: Path) -> None:
    write(folder, "../other", content="long")
    (folder / "a").symlink_to("../other")
    assert scan_folder(folder).files == {"a": (4, 1_000_000_007)}


@pytest.mark.parametrize(
    "name", ["._a.jpg", ".git/x", "Thumbs.db", "@eaDir/a", "__MACOSX/a", "lost+found/a"]
)
def test_litter_is_left_out_and_a_folder_of_it_is_one_entry(name: str, folder: Path) -> None:
    write(folder, "a.jpg", f"sub/{name}")
    scan = scan_folder(folder)
    assert list(scan.files) == ["a.jpg"]
    assert scan.left_out == {f"sub/{name.split('/')[0]}": HIDDEN}


@pytest.mark.parametrize("name", ["a.jpg~", "~$a.doc", "a.jpg_original", "#a.jpg#", "a.jpg.part"])
def test_leftovers_are_left_out_as_twinview_embed_leaves_them_out(name: str, folder: Path) -> None:
    write(folder, "a.jpg", name, "trip.old/b.jpg")
    scan = scan_folder(folder)
    assert list(scan.files) == ["a.jpg", "trip.old/b.jpg"] and scan.left_out == {name: LEFTOVER}
    assert dict(list_folder(folder).left_out) == scan.left_out


def test_what_is_no_file_is_left_out_by_reason(folder: Path) -> None:
    write(folder, "a")
    (folder / "nowhere").symlink_to("absent")
    (folder / "self").symlink_to("self")
    (folder / "below").symlink_to("a/b")
    os.mkfifo(folder / "pipe")
    for name in (b"caf\xe9", b".caf\xe9"):
        os.mkdir(os.path.join(os.fsencode(folder), name))  # noqa: PTH102, PTH118 -- no text
    nowhere = dict.fromkeys(["nowhere", "self", "below"], "linked to nothing")
    others = {"pipe": "no file", "caf\\xe9": "named in bytes that are not UTF-8"}
    others |= {".caf\\xe9": HIDDEN}
    assert scan_folder(folder).left_out == nowhere | others


def test_a_folder_that_cannot_be_read_is_named_and_the_others_are_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder, "a/x", "b/y")
    refuse(monkeypatch, str(folder / "a"))
    scan = scan_folder(folder)
    assert list(scan.files) == ["b/y"]
    assert scan.left_out == {"a": "a folder that cannot be read (Permission denied)"}


def test_a_folder_that_cannot_be_read_itself_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(monkeypatch, f"{folder}/")
    with pytest.raises(DataError, match=r"pics is a folder that cannot be read \(Permission"):
        scan_folder(folder)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("absent", "does not exist"),
        ("a", "is no folder"),
        ("empty", r"holds no file \(left out: 1"),
    ],
)
def test_a_folder_without_files_is_refused(name: str, problem: str, tmp_path: Path) -> None:
    write(tmp_path, "a", "empty/.hidden")
    with pytest.raises(DataError, match=f"{name} {problem}"):
        scan_folder(tmp_path / name)


def test_what_is_loaded_is_what_was_saved(folder: Path) -> None:
    write(folder, "a", "é/b", ".c")
    scan = scan_folder(folder)
    save_scan(folder.parent / "scan.parquet", scan)
    assert load_scan(folder.parent / "scan.parquet") == scan


def test_equal_folders_have_equal_bytes_wherever_they_lie(tmp_path: Path) -> None:
    for place in ("one", "two/three"):
        write(tmp_path / place, "a", "é/b", ".c")
        save_scan(tmp_path / place / ".scan", scan_folder(tmp_path / place))
        (tmp_path / place / ".scan").replace(tmp_path / f"{place[:3]}.parquet")
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()


def test_added_deleted_and_changed_files_are_told_apart(folder: Path) -> None:
    write(folder, "gone", "larger", "later", "same")
    old = scan_folder(folder)
    (folder / "gone").unlink()
    write(folder, "new")
    write(folder, "larger", content="xy")
    os.utime(folder / "later", ns=(0, 1_000_000_008))
    changes = compare_scans(old, scan_folder(folder))
    assert changes == Changes(added=("new",), deleted=("gone",), changed=("larger", "later"))
    assert changes and not compare_scans(old, old)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_truncated_scan_is_named(share: float, folder: Path) -> None:
    write(folder, "a")
    path = folder.parent / "scan.parquet"
    save_scan(path, scan_folder(folder))
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(DataError, match=r"scan\.parquet is no whole Parquet file"):
        load_scan(path)


class Entries(list[Any]):
    """A list in place of what os.scandir returns."""

    def __enter__(self) -> Iterator[Any]:
        return iter(self)

    def __exit__(self, *error: object) -> None:
        pass


def reverse_listing(monkeypatch: pytest.MonkeyPatch) -> None:
    scandir = os.scandir

    def reversed_scandir(path: str) -> Entries:
        return Entries(sorted(scandir(path), key=lambda entry: entry.name, reverse=True))

    monkeypatch.setattr(folder_walk.os, "scandir", reversed_scandir)


def refuse(monkeypatch: pytest.MonkeyPatch, refused: str) -> None:
    """Root may read every folder, so that modes of files would not do here."""
    scandir = os.scandir

    def refusing(path: str) -> Any:
        if path == refused:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return scandir(path)

    monkeypatch.setattr(folder_walk.os, "scandir", refusing)
