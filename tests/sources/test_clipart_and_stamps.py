"""Debian's pictures: which files count, and what their folders say of them."""

from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from twinview.data.file_source import FileSource
from twinview.sources.clipart import clipart
from twinview.sources.stamps import stamps


def put(*paths: str) -> None:
    for path in paths:
        (file := Path("raw", path)).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (2, 2)).save(file, "png")


def label_of(source: FileSource) -> dict[str, str | None]:
    assert source.labels.labels is not None
    return dict(zip(source.scan.files, source.labels.labels, strict=True))


def read_clipart(least: int = 1) -> FileSource:
    return clipart(folder="raw", origin="folder", smallest_class=least)


def read_stamps(least: int = 1) -> FileSource:
    return stamps(folder="raw", origin="folder", smallest_class=least)


@pytest.fixture(autouse=True)
def project(folder: Path) -> Path:
    return folder


def test_clip_art_has_the_label_of_its_outermost_folder_and_none_when_unsorted() -> None:
    put("animals/birds/owl.png", "food/pie.png", "unsorted/what.png", "unsorted/old/that.png")
    assert label_of(read_clipart()) == {
        "animals/birds/owl.png": "animals",
        "food/pie.png": "food",
        "unsorted/old/that.png": None,
        "unsorted/what.png": None,
    }


def test_a_linked_picture_counts_once_under_its_own_name() -> None:
    put("animals/owl.png", "food/pie.png")
    Path("raw/food/owl.png").symlink_to("../animals/owl.png")
    source = read_clipart()
    assert label_of(source) == {"animals/owl.png": "animals", "food/pie.png": "food"}
    assert source.scan.left_out == {"food/owl.png": "a link to another of the pictures"}
    assert source.labels.labels is not None and len(source.labels.labels) == len(source.scan.files)


def test_small_classes_count_as_unlabelled_and_are_named() -> None:
    put("animals/owl.png", "animals/cat.png", "food/pie.png", "logos/x.png")
    source = read_clipart(least=2)
    assert Counter(label_of(source).values()) == {"animals": 2, None: 2}
    assert source.labels.notes == (
        "2 examples of classes with fewer than 2 count as unlabelled (food, logos)",
    )


def test_of_the_stamps_photographs_are_read_and_the_rest_is_counted() -> None:
    put(
        "animals/owl.png", "animals/birds/cartoon/owl.png", "clothes/hat.png", "town/flags/a.png",
        "symbols/money/us/coins/cent.png", "symbols/money/00_symbols/cent.png",
        "symbols/math/1.png", "seasonal/winter/snow.png", "plants/rose.svg",
        "animals/owl.ogg", "animals/owl_desc.wav", "animals/owl.txt", "animals/owl.dat",
    )  # fmt: skip
    source = read_stamps()
    assert label_of(source) == {
        "animals/owl.png": "animals",
        "symbols/money/us/coins/cent.png": "money",
    }
    assert Counter(source.scan.left_out.values()) == {
        "a drawing": 7,
        "a sound, a text or a setting of Tux Paint": 4,
    }


def test_a_stamp_and_its_mirrored_picture_are_one_group() -> None:
    put("vehicles/car.png", "vehicles/car_mirror.png", "vehicles/bus.png", "space/moon_mirror.png")
    source = read_stamps()
    assert source.labels.groups is not None
    assert dict(zip(source.scan.files, source.labels.groups, strict=True)) == {
        "space/moon_mirror.png": None,
        "vehicles/bus.png": None,
        "vehicles/car.png": "vehicles/car",
        "vehicles/car_mirror.png": "vehicles/car",
    }
