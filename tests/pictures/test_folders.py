"""Folders: every file below is a picture to embed, or counted by reason."""

import os
from pathlib import Path

import pytest

from twinview.core.errors import DataError
from twinview.pictures.folders import list_pictures


def touch(*names: str) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()


def test_pictures_are_known_by_any_suffix_of_theirs(folder: Path) -> None:
    names = ["a.jfif", "b.JPG", "c.webp", "d.bmp", "e.png", "f.jpeg", "g.jpe", "h.gif"]
    touch(*names)
    assert list_pictures(folder) == (names, {})


def test_every_other_file_is_counted_by_reason(folder: Path) -> None:
    touch("a.png", "b.txt", "sub/c.TXT", "d.tiff", "README")
    Path("nowhere.png").symlink_to("absent.png")
    os.mkfifo("pipe.png")
    names, left_out = list_pictures(folder)
    assert names == ["a.png"]
    files = {"*.txt": 2, "*.tiff": 1, "without a suffix": 1}
    assert left_out == files | {"linked to nothing": 1, "no file": 1}


@pytest.mark.parametrize(
    "name", ["._a.jpg", ".DS_Store", "Thumbs.db", ".git/x.png", "@eaDir/a.jpg", "__MACOSX/._a.jpg"]
)
def test_hidden_names_and_those_of_systems_are_left_out(name: str, folder: Path) -> None:
    touch("a.jpg", f"sub/{name}")
    assert list_pictures(folder) == (["a.jpg"], {"hidden or a system's": 1})


def test_a_hidden_folder_is_read_when_it_is_named(folder: Path) -> None:
    touch(".cache/a.png")
    assert list_pictures(Path(".cache")) == (["a.png"], {})


def test_a_linked_folder_is_entered_once_and_a_real_one_by_its_own_name(folder: Path) -> None:
    touch("pics/z/a.png", "other/b.png", "other/sub/c.png")
    for name, place in (("a", "z"), ("m", "../other"), ("n", "../other/sub"), ("y", "..")):
        Path("pics", name).symlink_to(place)
    Path("pics/z/loop").symlink_to("..")
    names, left_out = list_pictures(Path("pics"))
    assert names == ["m/b.png", "m/sub/c.png", "z/a.png"]
    assert left_out == {"linked to a folder that was read": 5}


def test_where_there_is_no_picture_the_others_are_counted(folder: Path) -> None:
    touch("a.txt", "b.txt", ".c")
    with pytest.raises(DataError, match=r"\(it holds 2 \*\.txt, 1 hidden or a system's\)"):
        list_pictures(folder)
