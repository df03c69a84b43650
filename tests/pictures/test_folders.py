"""Folders: every file below is a picture to embed, or counted by reason."""

import os
from pathlib import Path

import pytest

from twinview.core import folder_walk
from twinview.core.counts import describe_counts
from twinview.core.errors import DataError
from twinview.pictures import folders
from twinview.pictures.folders import (
    escape_name,
    list_folder,
    list_pictures,
    unescape_name,
)


def found(folder: Path) -> tuple[list[str], dict[str, int]]:
    """The pictures below a folder, and the number of other files by reason."""
    listing = list_pictures(folder)
    return list(listing.pictures), dict(listing.count_left_out())


def touch(*names: str) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()


def test_pictures_are_known_by_any_suffix_of_theirs(folder: Path) -> None:
    names = ["a.jfif", "b.JPG", "c.webp", "d.bmp", "e.png", "f.jpeg", "g.jpe", "h.gif"]
    names += ["i.avif", "j.HEIC", "k.mpo", "l.pgm", "m.ppm", "n.tif", "o.tiff"]
    touch(*names)
    assert found(folder) == (names, {})


def test_every_other_file_is_counted_by_reason(folder: Path) -> None:
    touch("a.png", "b.txt", "sub/c.TXT", "d.xcf", "README")
    Path("nowhere.png").symlink_to("absent.png")
    os.mkfifo("pipe.png")
    names, left_out = found(folder)
    assert names == ["a.png"]
    files = {"*.txt": 2, "*.xcf": 1, "without a suffix": 1}
    assert left_out == files | {"linked to nothing": 1, "no file": 1}


@pytest.mark.parametrize(
    "name", ["._a.jpg", ".DS_Store", "Thumbs.db", ".git/x.png", "@eaDir/a.jpg", "__MACOSX/._a.jpg"]
)
def test_hidden_names_and_those_of_systems_are_left_out(name: str, folder: Path) -> None:
    touch("a.jpg", f"sub/{name}")
    assert found(folder) == (["a.jpg"], {"hidden or a system's": 1})


def test_a_hidden_folder_is_read_when_it_is_named(folder: Path) -> None:
    touch(".cache/a.png")
    assert found(Path(".cache")) == (["a.png"], {})


def test_a_linked_folder_is_entered_once_and_a_real_one_by_its_own_name(folder: Path) -> None:
    touch("pics/z/a.png", "other/b.png", "other/sub/c.png")
    for name, place in (("a", "z"), ("m", "../other"), ("n", "../other/sub"), ("y", "..")):
        Path("pics", name).symlink_to(place)
    Path("pics/z/loop").symlink_to("..")
    names, left_out = found(Path("pics"))
    assert names == ["m/b.png", "m/sub/c.png", "z/a.png"]
    assert left_out == {"a folder that was read under another name": 5}


def test_where_there_is_no_picture_the_others_are_counted(folder: Path) -> None:
    touch("a.txt", "b.txt", ".c")
    with pytest.raises(DataError, match=r"\(it holds 2 \*\.txt, 1 hidden or a system's\)"):
        list_pictures(folder)


PNG, TIFF = b"\x89PNG\r\n\x1a\n", b"II*\0"


def test_a_file_without_a_picture_s_suffix_is_known_by_its_first_bytes(folder: Path) -> None:
    contents = {"scan": TIFF, "photo": PNG, "photo.dat": b"\xff\xd8\xff\xe0", "raw.nef": TIFF}
    contents |= {"P6 notes": b"P6 1 1", "BMW.txt": b"BMW drives", "empty": b""}
    for name, content in contents.items():
        Path(name).write_bytes(content)
    names, left_out = found(folder)
    assert names == ["P6 notes", "photo", "photo.dat", "scan"]
    assert left_out == {"*.nef": 1, "*.txt": 1, "without a suffix": 1}


@pytest.mark.parametrize(
    "name",
    ["a.jpg~", "#a.jpg#", "~$a.jpg", "a.jpg_original", "a.jpg.part", "a.jpg.crdownload", "a.BAK"],
)
def test_what_editors_and_downloads_leave_is_left_out(name: str, folder: Path) -> None:
    Path("a.jpg").write_bytes(b"\xff\xd8\xff")
    Path(name).write_bytes(b"\xff\xd8\xff")
    leftover = (name, "an editor's or a download's leftover")
    assert list_folder(folder) == folders.Listing(("a.jpg",), (leftover,))


@pytest.mark.parametrize("name", ["trip.old", "backup~", "notes_original"])
def test_a_folder_is_no_leftover(name: str, folder: Path) -> None:
    touch(f"{name}/a.jpg")
    assert list_folder(folder).pictures == (f"{name}/a.jpg",)


def test_every_file_that_is_left_out_is_named(folder: Path) -> None:
    touch("sub/a.jpg", "sub/b.txt", ".git/c.jpg")
    Path("sub/d.png").symlink_to("absent.png")
    Path("sub/loop").symlink_to("loop")
    Path("z").symlink_to("sub")
    listing = list_folder(folder)
    assert listing.pictures == ("sub/a.jpg",) and listing.left_out == (
        (".git", "hidden or a system's"),
        ("sub/b.txt", "*.txt"),
        ("sub/d.png", "linked to nothing"),
        ("sub/loop", "linked to nothing"),
        ("z", "a folder that was read under another name"),
    )
    assert describe_counts(listing.count_left_out()).startswith("2 linked to nothing, 1 ")


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The names of folders that may not be listed, also by root, to whom nothing is closed."""
    names, scan = set[str](), os.scandir

    def refuse(path: str) -> object:
        if Path(path).name in names:
            raise PermissionError(13, "Permission denied", path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    return names


def test_a_folder_that_cannot_be_read_is_named(folder: Path, closed: set[str]) -> None:
    touch("open/a.jpg", "secret/b.jpg")
    closed.add("secret")
    listing = list_folder(folder)
    assert listing.pictures == ("open/a.jpg",)
    assert listing.left_out == (("secret", "a folder that cannot be read (Permission denied)"),)
    with pytest.raises(DataError, match=r"secret is a folder that cannot be read \(.*; see who"):
        list_folder(Path("secret"))


@pytest.mark.parametrize("place", [".", "pics", "pics/", "/", "absolute"])
def test_paths_are_relative_to_the_folder_however_it_is_named(
    place: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch("pics/sub/a.jpg")
    found = {
        ".": ("pics/sub/a.jpg",),
        "absolute": ("pics/sub/a.jpg",),
    }.get(place, ("sub/a.jpg",))
    if place == "/":  # not the machine's
        stamp = folder_walk.Stamp(0, 0)
        monkeypatch.setattr(folders, "walk", lambda *given, **kind: ({"sub/a.jpg": stamp}, {}))
    assert list_folder(Path.cwd() if place == "absolute" else Path(place)).pictures == found


NAMES = [
    "a.jpg",
    "\u00fc.jpg",
    "a\\b",
    "\\xff",
    os.fsdecode(b"\xff"),
    os.fsdecode(b"\\\xff\\x\xc3"),
]


def test_names_that_are_not_utf_8_are_listed_and_have_a_text_of_their_own(folder: Path) -> None:
    touch(*(f"sub/{name}" for name in NAMES if "jpg" in name))
    odd = os.fsdecode(b"sub/\xff\xc3.jpg")
    touch(odd)
    assert odd in list_folder(folder).pictures and escape_name(odd) == r"sub/\xff\xc3.jpg"
    texts = [escape_name(name) for name in NAMES]
    assert [unescape_name(text) for text in texts] == NAMES and len(set(texts)) == len(NAMES)
    assert texts[:2] == NAMES[:2] and all(text.encode() for text in texts)
