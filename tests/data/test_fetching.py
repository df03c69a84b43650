"""Debian's packages are found, or fetched whole, or there is one error with the reasons."""

import os
import shutil
from pathlib import Path

import pytest

from tests.support.apt import stand_in
from twinview.core.errors import DataError
from twinview.data import fetching

INSIDE = Path("usr/share/thing")


@pytest.fixture(autouse=True)
def system(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A root folder in which nothing is installed, on a machine without apt."""
    monkeypatch.setattr(fetching, "SYSTEM", folder / "system")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    return folder / "system"


def find(origin: str = "debian") -> Path:
    return fetching.find_or_unpack(Path("raw/thing"), origin, "thing-data", INSIDE, "sources.thing")


@pytest.fixture
def apt(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """A machine with apt-get, whose package has one old file and a link; the commands run."""

    def unpack(place: Path) -> None:
        (inside := place / INSIDE).mkdir(parents=True)
        (inside / "file").write_text("content")
        os.utime(inside / "file", ns=(0, 12_345))
        (inside / "link").symlink_to("file")

    return stand_in(monkeypatch, unpack)


def test_a_folder_that_is_there_comes_before_the_installed_package(system: Path) -> None:
    (system / INSIDE).mkdir(parents=True)
    assert find() == system / INSIDE
    Path("raw/thing").mkdir(parents=True)
    assert find() == Path("raw/thing")


def test_a_downloaded_package_keeps_times_and_links(apt: list[list[str]]) -> None:
    place = find()
    assert place == Path("raw/thing") and (place / "file").read_text() == "content"
    assert (place / "file").stat().st_mtime_ns == 12_345, "so a second download changes no scan"
    assert (place / "link").is_symlink()
    assert apt == [["apt-get", "download"], ["dpkg", "-x"]]
    find()
    assert len(apt) == 2, "it is fetched once"


def test_the_origin_folder_fetches_nothing(apt: list[list[str]]) -> None:
    with pytest.raises(DataError, match=r"raw/thing does not exist; .*sources\.thing\.origin to"):
        find("folder")
    assert not apt


def test_a_machine_without_apt_is_told_what_to_do() -> None:
    with pytest.raises(DataError) as caught:
        find()
    assert "thing-data could not be fetched (this machine has no apt-get)" in str(caught.value)
    assert "put its /usr/share/thing into raw/thing" in str(caught.value)


def test_a_download_that_breaks_off_leaves_no_folder(
    apt: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*given: object, **rest: object) -> None:
        raise OSError("No space left")

    monkeypatch.setattr(shutil, "copytree", broken)
    with pytest.raises(DataError, match="No space left"):
        find()
    assert not list(Path("raw").iterdir())


def test_a_package_without_the_folder_is_named(
    apt: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DataError, match="the package other has no /usr/share/none"):
        fetching.find_or_unpack(Path("raw"), "debian", "other", Path("usr/share/none"), "sources.o")
