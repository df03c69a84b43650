"""Fashion-MNIST's source, on small files of our own in the same format."""

import gzip
import hashlib
import os
import shutil
import socket
import struct
import subprocess
from pathlib import Path

import pytest
import torch
from torchvision.datasets import FashionMNIST

from tests.support.apt import stand_in
from tests.support.copies import enter_copy
from twinview.core.errors import DataError
from twinview.core.types import Source
from twinview.data import fetching
from twinview.sources import fashion_mnist as module
from twinview.sources.fashion_mnist import fashion_mnist

TRAIN, TEST = 60_000, 10_000


def idx(*shape: int, seed: int) -> bytes:
    """An idx file of random bytes."""
    random = torch.Generator().manual_seed(seed)
    values = torch.randint(0, 10, shape, generator=random, dtype=torch.uint8)
    head = struct.pack(f">HBB{len(shape)}I", 0, 8, len(shape), *shape)
    return head + values.numpy().tobytes()


CONTENT = {
    "train-images-idx3-ubyte": idx(TRAIN, 2, 3, seed=0),
    "train-labels-idx1-ubyte": idx(TRAIN, seed=1),
    "t10k-images-idx3-ubyte": idx(TEST, 2, 3, seed=2),
    "t10k-labels-idx1-ubyte": idx(TEST, seed=3),
}
SUMS = {name: hashlib.sha256(content).hexdigest() for name, content in CONTENT.items()}


@pytest.fixture(autouse=True)
def project(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project's folder; no way leads out of this machine, and Debian's package is not there."""
    monkeypatch.setattr(module, "FILES", SUMS)
    monkeypatch.setattr(module, "DEBIAN_FOLDER", folder / "absent")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr("torchvision.datasets.FashionMNIST", offline)
    return folder


def offline(root: str, download: bool) -> None:
    raise RuntimeError("Error downloading train-images-idx3-ubyte.gz")


def put(folder: Path, zipped: bool = False) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in CONTENT.items():
        if zipped:
            (folder / f"{name}.gz").write_bytes(gzip.compress(content, 1))
        else:
            (folder / name).write_bytes(content)
    return folder


def read(origin: str = "folder") -> Source:
    return fashion_mnist(folder="raw", origin=origin)  # type: ignore[arg-type]


def as_stored(source: Source) -> bytes:
    return source.fit.inputs.numpy().tobytes() + source.test.inputs.numpy().tobytes()


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("where", ["raw", "raw/FashionMNIST/raw"])
def test_files_are_read_plain_and_zipped_in_both_layouts(where: str, zipped: bool) -> None:
    put(Path(where), zipped)
    assert as_stored(read()) == (
        CONTENT["train-images-idx3-ubyte"][16:] + CONTENT["t10k-images-idx3-ubyte"][16:]
    )


def test_rows_have_pictures_labels_and_ids_of_their_own() -> None:
    put(Path("raw"))
    source = read()
    assert source.fit.inputs.shape == (TRAIN, 1, 2, 3) and source.fit.inputs.dtype == torch.uint8
    assert source.test.ids.tolist() == list(range(TRAIN, TRAIN + TEST))
    assert source.fit.labels is not None and source.fit.labels.dtype == torch.int64
    assert bytes(source.fit.labels.tolist()) == CONTENT["train-labels-idx1-ubyte"][8:]
    assert len(source.classes) == 10 and source.modality == module.DECLARES.modality


def test_a_file_of_other_content_is_named_with_both_checksums() -> None:
    path = put(Path("raw")) / "t10k-labels-idx1-ubyte"
    path.write_bytes(path.read_bytes()[:-1] + b"\x0b")
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(DataError) as caught:
        read()
    assert all(part in str(caught.value) for part in (str(path), found, SUMS[path.name], "delete"))


def test_a_truncated_plain_file_fails_its_checksum() -> None:
    path = put(Path("raw")) / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(DataError, match=rf"{path} is not Fashion-MNIST's .*1,000 bytes"):
        read()


@pytest.mark.parametrize("kept", [0, 5, 400])
def test_a_truncated_zipped_file_is_named(kept: int) -> None:
    path = put(Path("raw"), zipped=True) / "train-labels-idx1-ubyte.gz"
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(DataError, match=rf"{path} is (truncated|not Fashion-MNIST's)"):
        read()


def test_a_zipped_file_with_spoilt_bytes_is_named() -> None:
    path = put(Path("raw"), zipped=True) / "train-labels-idx1-ubyte.gz"
    content = path.read_bytes()
    path.write_bytes(content[:500] + bytes(200) + content[700:])
    with pytest.raises(DataError, match=rf"{path}"):
        read()


def test_the_folder_s_origin_fetches_nothing_and_says_what_is_missing() -> None:
    path = put(Path("raw")) / "t10k-images-idx3-ubyte"
    path.unlink()
    with pytest.raises(DataError) as caught:
        read()
    assert "lacks t10k-images-idx3-ubyte; put Fashion-MNIST's four" in str(caught.value)
    assert "origin to auto" in str(caught.value)


def test_when_every_way_fails_every_reason_is_given() -> None:
    with pytest.raises(DataError) as caught:
        read("auto")
    said = str(caught.value)
    assert "debian: this machine has no apt-get" in said
    assert "torchvision: Error downloading train-images" in said
    assert f"into {Path('raw').absolute()} by hand" in said


@pytest.mark.parametrize(
    ("origin", "other"), [("debian", "torchvision"), ("torchvision", "debian")]
)
def test_only_the_way_that_is_asked_for_is_tried(origin: str, other: str) -> None:
    with pytest.raises(DataError) as caught:
        read(origin)
    assert f"{origin}: " in str(caught.value) and f"{other}: " not in str(caught.value)


def test_debian_s_installed_package_is_unpacked_into_the_folder(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "DEBIAN_FOLDER", put(project / "debian", zipped=True))
    read("auto")
    assert {p.name: p.read_bytes() for p in Path("raw").iterdir()} == CONTENT


@pytest.fixture
def apt(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """A machine with apt-get and a user who is not root; the commands that are run."""
    monkeypatch.setattr(module, "DEBIAN_FOLDER", Path("usr/share/data"))
    return stand_in(monkeypatch, lambda place: put(place / "usr/share/data", zipped=True))


def test_apt_s_download_is_unpacked_without_root(apt: list[list[str]]) -> None:
    read("debian")
    assert {p.name: p.read_bytes() for p in Path("raw").iterdir()} == CONTENT
    assert apt == [["apt-get", "download"], ["dpkg", "-x"]]


def test_root_gets_the_package_lists_first(
    apt: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    read("debian")
    assert apt[:2] == [["apt-get", "update"], ["apt-get", "download"]]


def test_apt_s_own_words_are_the_reason(
    apt: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        subprocess,
        "run",
        lambda command, **rest: subprocess.CompletedProcess(command, 100, "", "one\nE: no such\n"),
    )
    with pytest.raises(DataError, match=r"apt-get download dataset-fashion-mnist: E: no such"):
        read("debian")


def test_torchvision_s_download_is_the_second_way(monkeypatch: pytest.MonkeyPatch) -> None:
    def download(root: str, download: bool) -> None:
        put(Path(root) / "FashionMNIST/raw")

    monkeypatch.setattr("torchvision.datasets.FashionMNIST", download)
    read("auto")
    assert {p.name: p.read_bytes() for p in Path("raw").iterdir()} == CONTENT


def test_a_server_that_falls_silent_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "LIMIT_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        own = type(
            "Own", (FashionMNIST,), {"mirrors": [f"http://127.0.0.1:{silent.getsockname()[1]}/"]}
        )
        monkeypatch.setattr("torchvision.datasets.FashionMNIST", own)
        with pytest.raises(DataError, match=r"torchvision: .*timed out"):
            read("torchvision")
    assert socket.getdefaulttimeout() is None


def test_a_command_that_does_not_end_is_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "LIMIT_S", 0.1)
    with pytest.raises(subprocess.TimeoutExpired, match="sleep"):
        fetching._run(["sleep", "600"], ".")


def test_a_fetch_that_breaks_off_leaves_no_half_file(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    debian = put(project / "debian", zipped=True)
    zipped = debian / "t10k-images-idx3-ubyte.gz"
    zipped.write_bytes(zipped.read_bytes()[:100])
    monkeypatch.setattr(module, "DEBIAN_FOLDER", debian)
    with pytest.raises(DataError):
        read("debian")
    whole = {p.name: p.read_bytes() for p in Path("raw").iterdir()}
    assert whole and all(CONTENT[name] == content for name, content in whole.items())


def test_a_broken_package_does_not_stop_the_other_way(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    debian = put(project / "debian", zipped=True)
    (debian / "t10k-images-idx3-ubyte.gz").write_bytes(b"broken")
    monkeypatch.setattr(module, "DEBIAN_FOLDER", debian)
    monkeypatch.setattr(
        "torchvision.datasets.FashionMNIST",
        lambda root, download: put(Path(root) / "FashionMNIST/raw"),
    )
    assert len(read("auto").fit) == TRAIN


def test_files_that_are_there_are_not_fetched_again(monkeypatch: pytest.MonkeyPatch) -> None:
    put(Path("raw"))
    monkeypatch.setattr(module, "_fetch", lambda *given: pytest.fail("fetched"))
    read("auto")


def test_the_folder_is_below_the_project_even_in_dvc_s_copy(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(project / "raw")
    enter_copy(project, monkeypatch)
    assert len(read().test) == TEST
