"""torchvision's data sets, of small files that are written here, and what is refused."""

import hashlib
import pickle
import socket
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torchvision import datasets

from twinview.core import registry
from twinview.core.declare import Source as Declared
from twinview.core.errors import ConfigError, DataError, TwinviewError
from twinview.core.types import NO_LABEL, Source
from twinview.data import fetching
from twinview.sources import fashion_mnist as fashion_mnist_module
from twinview.sources.fashion_mnist import fashion_mnist
from twinview.sources.torchvision import torchvision

RANDOM = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def project(folder: Path) -> Path:
    return folder


def read(
    name: str, shape: tuple[int, int, int], download: bool = False, **arguments: Any
) -> Source:
    return torchvision(shape, name=name, folder="raw", download=download, arguments=arguments)


def fault(name: str, kind: type[TwinviewError] = DataError, **arguments: Any) -> str:
    with pytest.raises(kind) as caught:
        read(name, (1, 4, 4), **arguments)
    return str(caught.value)


def idx(values: NDArray[np.uint8]) -> bytes:
    axes = values.shape
    return struct.pack(f">HBB{len(axes)}I", 0, 8, len(axes), *axes) + values.tobytes()


def put_idx(train: int = 6, test: int = 4, classes: int = 10) -> None:
    """Files of Fashion-MNIST with pictures of 2x3."""
    for folder in (Path("raw"), Path("raw/FashionMNIST/raw")):
        folder.mkdir(parents=True, exist_ok=True)
    for part, count in (("train", train), ("t10k", test)):
        images = RANDOM.integers(0, 256, (count, 2, 3), np.uint8)
        labels = (np.arange(count) % classes).astype(np.uint8)
        for name, values in (("images-idx3", images), ("labels-idx1", labels)):
            for folder in ("raw", "raw/FashionMNIST/raw"):
                Path(folder, f"{part}-{name}-ubyte").write_bytes(idx(values))


def test_fashion_mnist_is_that_of_the_source_of_this_name(monkeypatch: pytest.MonkeyPatch) -> None:
    put_idx()
    sums = {name: hashlib.sha256(Path("raw", name).read_bytes()).hexdigest() for name in FILES}
    monkeypatch.setattr(fashion_mnist_module, "FILES", sums)
    ours = fashion_mnist(folder="raw", origin="folder")
    theirs = read("FashionMNIST", (1, 2, 3))
    assert ours.test is not None and theirs.test is not None
    assert ours.classes == theirs.classes and theirs.given is None
    for one, other in ((ours.fit, theirs.fit), (ours.test, theirs.test)):
        assert torch.equal(one.inputs, other.inputs)
        assert one.labels is not None and other.labels is not None
        assert torch.equal(one.labels, other.labels)
    assert theirs.test.ids.tolist() == [6, 7, 8, 9]


FILES = tuple(fashion_mnist_module.FILES)


def put_cifar(monkeypatch: pytest.MonkeyPatch) -> NDArray[np.uint8]:
    """CIFAR-10's files with two pictures each, and their checksums; the pixels of train."""
    (folder := Path("raw/cifar-10-batches-py")).mkdir(parents=True)
    pixels = RANDOM.integers(0, 256, (12, 3, 32, 32), np.uint8)
    sums = {}
    for number, name in enumerate([*(f"data_batch_{n}" for n in range(1, 6)), "test_batch"]):
        rows = pixels[2 * number : 2 * number + 2].reshape(2, -1)
        content = pickle.dumps({"data": rows, "labels": [number, 9]})
        (folder / name).write_bytes(content)
        sums[name] = hashlib.md5(content).hexdigest()
    meta = pickle.dumps({"label_names": list("abcdefghij")})
    (folder / "batches.meta").write_bytes(meta)
    entry = {"filename": "batches.meta", "key": "label_names", "md5": hashlib.md5(meta).hexdigest()}
    monkeypatch.setattr(datasets.CIFAR10, "meta", entry)
    monkeypatch.setattr(datasets.CIFAR10, "train_list", [list(s) for s in list(sums.items())[:5]])
    monkeypatch.setattr(datasets.CIFAR10, "test_list", [list(s) for s in list(sums.items())[5:]])
    return pixels


def test_cifar_has_its_pixels_labels_and_names(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = put_cifar(monkeypatch)
    source = read("CIFAR10", (3, 32, 32))
    assert np.array_equal(source.fit.inputs.numpy(), pixels[:10])
    assert source.test is not None and np.array_equal(source.test.inputs.numpy(), pixels[10:])
    assert source.fit.labels is not None
    assert source.fit.labels.tolist() == [0, 9, 1, 9, 2, 9, 3, 9, 4, 9]
    assert source.classes == tuple("abcdefghij")
    assert read("CIFAR10", (1, 16, 16)).fit.inputs.shape == (10, 1, 16, 16)


def test_a_broken_file_is_no_data_set(monkeypatch: pytest.MonkeyPatch) -> None:
    put_cifar(monkeypatch)
    Path("raw/cifar-10-batches-py/test_batch").write_bytes(b"broken")
    words = fault("CIFAR10")
    assert "torchvision's CIFAR10 in " in words and "could not be read (Dataset not found" in words
    assert "set sources.torchvision.download to true, or put its files there" in words


def put_pictures(folder: str, *sizes: tuple[int, int]) -> None:
    for label, size in enumerate(sizes):
        (path := Path("raw", folder, f"class{label}")).mkdir(parents=True)
        Image.new("RGB", size, (0, 100 + label, 200)).save(path / "one.png")


def test_a_set_with_a_validation_split_keeps_all_three_and_varied_sizes_are_fitted() -> None:
    put_pictures("country211/train", (40, 20), (9, 31))
    put_pictures("country211/valid", (8, 8), (16, 16))
    put_pictures("country211/test", (5, 7))
    source = read("Country211", (3, 8, 8))
    assert source.test is None and source.given == ("train",) * 2 + ("validation",) * 2 + ("test",)
    assert source.fit.inputs.shape == (5, 3, 8, 8) and source.fit.ids.tolist() == [0, 1, 2, 3, 4]
    assert source.fit.labels is not None and source.fit.labels.tolist() == [0, 1, 0, 1, 0]
    assert source.fit.inputs[1, :, 0, 0].tolist() == [0, 101, 200]
    assert source.classes == ("class0", "class1")


def test_classes_go_by_their_names_over_all_splits() -> None:
    put_pictures("country211/train", (8, 8))
    put_pictures("country211/valid", (8, 8), (8, 8), (8, 8))
    Path("raw/country211/train/class0").rename("raw/country211/train/class1")
    put_pictures("country211/test", (8, 8), (8, 8))
    source = read("Country211", (3, 8, 8))
    assert source.fit.labels is not None
    named = [source.classes[label] for label in source.fit.labels.tolist()]
    assert named == ["class1", "class0", "class1", "class2", "class0", "class1"]


def test_the_only_other_split_is_the_test_split() -> None:
    for split in ("train", "val"):
        for name in ("n01440764", "n02102040"):
            (path := Path("raw/imagenette2", split, name)).mkdir(parents=True)
            Image.new("RGB", (9, 9)).save(path / "one.JPEG")
    source = read("Imagenette", (3, 8, 8))
    assert source.given is None and source.test is not None and len(source.test) == 2
    assert source.classes == ("tench", "English springer")


def test_a_set_without_splits_is_divided_later() -> None:
    source = read("FakeData", (3, 8, 8), size=7, image_size=(3, 8, 8), num_classes=4)
    assert source.test is None and source.given is None and len(source.fit) == 7
    assert source.fit.labels is not None and max(source.fit.labels.tolist()) < 4
    assert source.classes[0] == "0"
    again = read("FakeData", (3, 8, 8), size=7, image_size=(3, 8, 8), num_classes=4)
    assert torch.equal(again.fit.inputs, source.fit.inputs)


def test_a_split_among_the_arguments_is_the_only_one() -> None:
    put_pictures("country211/train", (8, 8))
    put_pictures("country211/test", (8, 8))
    source = read("Country211", (3, 8, 8), split="test")
    assert len(source.fit) == 1 and source.test is None and source.given is None


def test_pictures_without_labels_have_none(monkeypatch: pytest.MonkeyPatch) -> None:
    class Unlabelled(datasets.FakeData):
        def __getitem__(self, index: int) -> tuple[Any, Any]:
            return super().__getitem__(index)[0], None if index else 3

    monkeypatch.setattr(datasets, "FakeData", Unlabelled)
    source = read("FakeData", (1, 8, 8), size=3, image_size=(3, 8, 8))
    assert source.fit.labels is not None
    assert source.fit.labels.tolist() == [3, NO_LABEL, NO_LABEL]


def test_what_cannot_be_is_named_before_anything_is_read() -> None:
    assert "is 'CIFAR', which torchvision.datasets lacks; did you mean 'CIFAR10'?" in fault(
        "CIFAR", ConfigError
    )
    assert "has 'spit', which EMNIST does not take; did you mean 'split'?" in fault(
        "EMNIST", ConfigError, spit="letters"
    )
    words = fault("EMNIST", ConfigError)
    assert "cannot be made (missing 1 required positional argument: 'split')" in words


def test_what_is_no_picture_with_a_label_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Boxes(datasets.FakeData):
        def __getitem__(self, index: int) -> tuple[Any, Any]:
            return super().__getitem__(index)[0], {"boxes": []}

    monkeypatch.setattr(datasets, "FakeData", Boxes)
    assert "has labels such as {'boxes': []}; name a data set" in fault("FakeData", size=3)
    for split in ("train", "valid", "test"):
        put_pictures(f"country211/{split}", (8, 8))
    Path("raw/country211/test/class0/one.png").write_bytes(b"broken")
    assert "has an example 0 that cannot be read" in fault("Country211")


def test_a_failed_download_gives_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "LIMIT_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/cifar.tar.gz"
        monkeypatch.setattr(datasets.CIFAR10, "url", address)
        with pytest.raises(DataError, match=r"could not be fetched or read \(.*timed out"):
            read("CIFAR10", (3, 32, 32), download=True)
    assert socket.getdefaulttimeout() is None


def test_the_source_declares_that_it_takes_the_shape() -> None:
    fitted = {}
    for name in registry.names("sources"):
        declared = registry.declaration("sources", name)
        assert isinstance(declared, Declared)
        fitted[name] = declared.fitted
    assert [name for name, is_fitted in fitted.items() if is_fitted] == ["torchvision"]
