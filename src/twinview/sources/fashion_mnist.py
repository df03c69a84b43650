"""Fashion-MNIST (Xiao, Rasul and Vollgraf, arXiv 1708.07747, MIT): 70,000 grey garments of 28x28.

The files come from a folder, from Debian's package dataset-fashion-mnist, or from torchvision's
download. Each is checked by the SHA-256 of the unpacked file.
"""

import gzip
import hashlib
import struct
import subprocess
import tempfile
import zlib
from pathlib import Path
from typing import Annotated, Literal

import torch
from pydantic import AfterValidator
from torch import Tensor

from twinview.core import declare
from twinview.core.errors import DataError
from twinview.core.files import atomic_file
from twinview.core.paths import inside_project, root
from twinview.core.types import Source, Split
from twinview.data import fetching

CLASSES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
    "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
FILES = {
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
DEBIAN_PACKAGE = "dataset-fashion-mnist"
DEBIAN_FOLDER = Path("usr/share/datasets/fashion-mnist")
# Where torchvision keeps the unpacked files below its root.
LAYOUT = Path("FashionMNIST/raw")
LARGEST = 16 + 60_000 * 28 * 28  # the bytes of the largest unpacked file


def fashion_mnist(
    *,
    folder: Annotated[str, AfterValidator(inside_project)],
    origin: Literal["auto", "folder", "debian", "torchvision"],
) -> Source:
    """60,000 rows to fit on (ids 0 to 59,999) and 10,000 to test on (ids 60,000 to 69,999).

    Parameters
    ----------
    folder : where the four files lie, plain or .gz, or are put; it is inside the project's folder.
    origin : where missing files come from. folder fetches nothing; auto tries Debian's package and
        then torchvision.

    Raises
    ------
    DataError : a file is missing, truncated or of other content.
    """
    raw = root() / folder
    if _missing(raw):
        _fetch(raw, origin)
    images = {part: _read(raw, f"{part}-images-idx3-ubyte") for part in ("train", "t10k")}
    labels = {part: _read(raw, f"{part}-labels-idx1-ubyte") for part in ("train", "t10k")}
    fit = Split(images["train"][:, None], labels["train"].long(), torch.arange(60_000))
    test = Split(images["t10k"][:, None], labels["t10k"].long(), torch.arange(60_000, 70_000))
    return Source(fit, test, CLASSES, "image")


DECLARES = declare.Source(modality="image")


def _missing(raw: Path) -> list[str]:
    return [name for name in FILES if _locate(raw, name) is None]


def _locate(raw: Path, name: str) -> Path | None:
    choices = [base / f"{name}{end}" for base in (raw, raw / LAYOUT) for end in ("", ".gz")]
    return next((path for path in choices if path.is_file()), None)


def _fetch(raw: Path, origin: str) -> None:
    if origin == "folder":
        raise DataError.at(
            raw,
            f"lacks {', '.join(_missing(raw))}",
            "put Fashion-MNIST's four idx files there (plain or .gz), or set "
            "sources.fashion_mnist.origin to auto",
        )
    ways = {"debian": _from_debian, "torchvision": _from_torchvision}
    failures = []
    for name, way in ways.items():
        if origin in ("auto", name):
            try:
                way(raw)
            except (DataError, OSError, RuntimeError, subprocess.SubprocessError) as error:
                failures.append(f"{name}: {error}")
            else:
                print(f"Fashion-MNIST: fetched into {raw} by way of {name}")
                return
    raise DataError(
        "Fashion-MNIST could not be fetched (" + "; ".join(failures) + f"); put its four idx files "
        f"(plain or .gz) into {raw} by hand"
    )


def _from_debian(raw: Path) -> None:
    """Copies the installed package's files, or those that apt downloads."""
    if folder := fetching.installed(DEBIAN_FOLDER):
        _copy(folder, raw)
        return
    with fetching.downloaded(DEBIAN_PACKAGE, DEBIAN_FOLDER) as folder:
        _copy(folder, raw)


def _from_torchvision(raw: Path) -> None:
    from torchvision.datasets import FashionMNIST

    with tempfile.TemporaryDirectory() as scratch:
        with fetching.limited_sockets():
            FashionMNIST(scratch, download=True)
        _copy(Path(scratch) / LAYOUT, raw)


def _copy(folder: Path, raw: Path) -> None:
    """Unpacks the four files into raw; a file appears there when it is whole."""
    for name in FILES:
        path = _locate(folder, name)
        if path is None:
            raise OSError(f"{folder} has no {name}")
        with atomic_file(raw / name) as temporary:
            temporary.write_bytes(_checked(path, name))


def _checked(path: Path, name: str) -> bytes:
    """The unpacked bytes of a file. Raises DataError when it is truncated or of other content."""
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rb") as file:
            content = file.read(
                LARGEST + 1
            )  # no more, since a small .gz can unpack to more than the memory
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path} is truncated or no gzip file ({error}); {_remedy()}") from None
    digest = hashlib.sha256(content).hexdigest()
    if digest != FILES[name]:
        raise DataError(
            f"{path} is not Fashion-MNIST's {name}: its SHA-256 is {digest}, "
            f"not {FILES[name]} ({len(content):,} bytes); {_remedy()}"
        )
    return content


def _read(raw: Path, name: str) -> Tensor:
    """The checked tensor of an idx file (yann.lecun.com/exdb/mnist)."""
    path = _locate(raw, name)
    assert path is not None, "files have been fetched"
    content = _checked(path, name)
    axes = content[3]
    shape = struct.unpack_from(f">{axes}I", content, 4)
    return torch.frombuffer(bytearray(content[4 + 4 * axes :]), dtype=torch.uint8).view(shape)


def _remedy() -> str:
    return "delete it, and `dvc repro` fetches it again"
