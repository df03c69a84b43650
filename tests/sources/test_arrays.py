"""Pictures in .npy, .npz and Parquet: equal pixels by every way, and no fault goes unnamed."""

import io
import mmap
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from twinview.core.errors import ConfigError, DataError, TwinviewError
from twinview.core.types import NO_GROUP, NO_LABEL, Source
from twinview.data.array_files import open_array
from twinview.data.file_source import FileSource
from twinview.pictures.files import FittedPicture, read_or_leave_out
from twinview.sources.arrays import arrays

N, H, W = 5, 4, 6
PIXELS = np.random.default_rng(0).integers(0, 256, (N, 3, H, W), np.uint8)  # nchw
OPTIONS: dict[str, Any] = {
    "file": "pictures.npz", "inputs": "images", "layout": "nchw", "shape": None, "label": None,
    "group": None, "split": None, "table": None,
    "split_names": {"train": "train", "val": "validation", "test": "test"},
}  # fmt: skip


@pytest.fixture(autouse=True)
def project(folder: Path) -> Path:
    return folder


def read(**options: Any) -> Source:
    source = arrays(**OPTIONS | options)
    assert isinstance(source, Source) and source.test is None
    return source


def read_files(**options: Any) -> FileSource:
    source = arrays(**OPTIONS | {"file": "table.parquet"} | options)
    assert isinstance(source, FileSource)
    return source


def save(**named: NDArray[Any]) -> None:
    np.savez("pictures.npz", **{"images": PIXELS} | named)  # type: ignore[arg-type]


def fault(kind: type[TwinviewError] = DataError, **options: Any) -> str:
    with pytest.raises(kind) as caught:
        arrays(**OPTIONS | options)
    return str(caught.value)


def encoded(pixels: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels.transpose(1, 2, 0)).save(file, "png")
    return file.getvalue()


def is_mapped(array: NDArray[Any]) -> bool:
    base: Any = array
    while isinstance(base, np.ndarray):
        base = base.base
    return isinstance(base, mmap.mmap)


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize(
    ("layout", "axes"), [("nchw", (0, 1, 2, 3)), ("nhwc", (0, 2, 3, 1)), ("nhw", None)]
)
def test_every_layout_and_file_gives_the_same_pictures(
    layout: str, axes: tuple[int, ...] | None, compressed: bool
) -> None:
    stored = PIXELS[:, 0] if axes is None else PIXELS.transpose(axes)
    expected = PIXELS[:, :1] if axes is None else PIXELS
    np.save("pictures.npy", stored)
    (np.savez_compressed if compressed else np.savez)(
        "pictures.npz", other=np.ones(3), images=stored
    )
    for file in ("pictures.npy", "pictures.npz", str(Path("pictures.npz").absolute())):
        fit = read(file=file, layout=layout).fit
        assert np.array_equal(fit.inputs.numpy(), expected)
        assert fit.ids.tolist() == list(range(N)) and fit.labels is None and fit.groups is None


def test_arrays_are_mapped_unless_they_are_compressed() -> None:
    np.save("pictures.npy", PIXELS)
    save(labels=np.arange(N))
    np.savez_compressed("small.npz", images=PIXELS)
    assert is_mapped(open_array(Path("pictures.npy"), None))
    assert is_mapped(open_array(Path("pictures.npz"), "images"))
    assert not is_mapped(open_array(Path("small.npz"), "images"))


def test_the_file_stays_as_it_is_when_the_pictures_are_written_to() -> None:
    save()
    before = Path("pictures.npz").read_bytes()
    read().fit.inputs.zero_()
    assert Path("pictures.npz").read_bytes() == before


def test_an_array_in_fortran_s_order_is_read_as_what_it_is() -> None:
    save(images=np.asfortranarray(PIXELS))
    assert np.array_equal(read().fit.inputs.numpy(), PIXELS)


@pytest.mark.parametrize(
    "labels", [np.array([7, -1, 10, 7, 3]), np.array(["7", "", "10", "7 ", "3"])]
)
def test_labels_are_numbered_by_name_and_may_lack(labels: NDArray[Any]) -> None:
    save(
        y=labels,
        patient=np.array([2, 2, -1, 5, 5], np.int8),
        part=np.array(["val", "", "test", "train", "train"]),
    )
    source = read(label="y", group="patient", split="part")
    assert source.classes == ("10", "3", "7")
    assert source.fit.labels is not None and source.fit.labels.tolist() == [2, NO_LABEL, 0, 2, 1]
    assert source.fit.groups is not None and source.fit.groups.tolist() == [0, 0, NO_GROUP, 1, 1]
    assert source.given == ("validation", None, "test", "train", "train")


def test_labels_of_a_column_of_numbers_are_taken_as_those_of_a_row() -> None:
    save(y=np.arange(N)[:, None])
    assert read(label="y").fit.labels is not None


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (np.array([0, 1, np.nan, 1, 0]), "is float64 and has NaN, first in row 2; write whole"),
        (np.arange(5.0), "is float64; write whole numbers"),
        (np.arange(4), "has the shape (4,); give it one value for each of 5 examples"),
        (np.zeros((5, 2), int), "has the shape (5, 2)"),
        (np.array([1, "a", None, 2, 3], object), "is an array of Python objects"),
        (np.array(["a"] * 5, "S1"), "is |S1; write whole numbers or texts"),
    ],
)
def test_labels_of_a_wrong_type_or_length_are_refused(labels: NDArray[Any], said: str) -> None:
    save(y=labels)
    assert f"pictures.npz, array 'y', {said}" in fault(label="y")


@pytest.mark.parametrize(
    ("pictures", "kind", "said"),
    [
        (PIXELS / 255, DataError, "float64; write bytes: of values from 0 to 1, (x * 255).round()"),
        (PIXELS.astype(np.int64), DataError, "is int64; write bytes"),
        (PIXELS.transpose(0, 2, 3, 1), ConfigError, "(5, 4, 6, 3), and layout nchw has 4 axes"),
        (PIXELS.transpose(0, 2, 3, 1), ConfigError, "c of which is 1 or 3; set layout to nhwc"),
        (PIXELS[:, 0], ConfigError, "set layout to nhw"),
        (np.zeros((5, 8, 8, 4), np.uint8), ConfigError, "leave out the fourth channel"),
        (np.zeros((5, 8), np.uint8), ConfigError, "give it the axes (n, h, w)"),
        (PIXELS[:0], DataError, "has the shape (0, 3, 4, 6); give it pictures"),
    ],
)  # fmt: skip
def test_pictures_of_a_wrong_type_or_shape_are_refused(
    pictures: NDArray[Any], kind: type[TwinviewError], said: str
) -> None:
    save(images=pictures)
    words = fault(kind)
    assert "pictures.npz, array 'images'," in words and said in words


class Trap:
    """An object that makes a file when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("sprung"),))


@pytest.mark.parametrize("file", ["pictures.npy", "pictures.npz"])
def test_python_objects_are_not_loaded(file: str) -> None:
    trapped = np.array([Trap()], object)
    np.save("pictures.npy", trapped, allow_pickle=True)
    save(images=trapped)
    assert "is an array of Python objects; save it with numbers" in fault(file=file)
    Path("pictures.npy").write_bytes(pickle.dumps(Trap()))
    assert "is no .npy, .npz or Parquet file" in fault(ConfigError, file="pictures.npy")
    assert not Path("sprung").exists()


@pytest.mark.parametrize("kept", [100, 400])
@pytest.mark.parametrize("file", ["pictures.npy", "pictures.npz", "table.parquet"])
def test_a_truncated_file_is_named(file: str, kept: int) -> None:
    np.save("pictures.npy", PIXELS)
    save()
    put([encoded(picture) for picture in PIXELS])
    path = Path(file)
    path.write_bytes(path.read_bytes()[:kept])
    assert file in (words := fault(file=file)) and "write it again" in words


def test_what_is_not_there_is_named_with_what_is() -> None:
    assert "pictures.npz cannot be read (No such file" in fault(ConfigError)
    save(labels=np.arange(N))
    assert "has no array 'label'; did you mean 'labels'?" in fault(ConfigError, label="label")
    put([encoded(picture) for picture in PIXELS])
    assert "has no column 'image'; did you" in fault(
        ConfigError, file="table.parquet", inputs="image"
    )
    words = fault(ConfigError, file="table.parquet", label="labels")
    assert "has no column 'labels'" in words


def test_a_npy_has_its_labels_in_a_table_beside() -> None:
    np.save("pictures.npy", PIXELS)
    Path("labels.csv").write_text("name;who\ncat;a\ndog;b\n007;\ncat;a\nNA;b\n")
    source = read(file="pictures.npy", label="name", group="who", table="labels.csv")
    assert source.classes == ("007", "NA", "cat", "dog")
    assert source.fit.groups is not None and source.fit.groups.tolist() == [0, 1, NO_GROUP, 0, 1]
    words = fault(ConfigError, file="pictures.npy", label="name")
    assert "sources.arrays.label is 'name', and" in words and "sources.arrays.table" in words
    Path("labels.csv").write_text("name\ncat\n")
    words = fault(file="pictures.npy", label="name", table="labels.csv")
    assert "has 1 row for 5 examples" in words


def put(images: list[Any], **columns: list[Any]) -> None:
    pq.write_table(pa.table({"images": images, **columns}), "table.parquet")


def test_a_table_of_pixels_gives_the_pictures_that_were_written() -> None:
    put([p.transpose(1, 2, 0).tobytes() for p in PIXELS], y=["b", None, "a", "b", "NA"])
    source = read(file="table.parquet", shape=(H, W, 3), layout="nhwc", label="y")
    assert np.array_equal(source.fit.inputs.numpy(), PIXELS)
    assert source.classes == ("NA", "a", "b")
    assert source.fit.labels is not None and source.fit.labels.tolist() == [2, NO_LABEL, 1, 2, 0]


def test_a_row_of_other_pixels_than_the_shape_s_is_named() -> None:
    put([bytes(72), bytes(70), None])
    words = fault(file="table.parquet", shape=(4, 6, 3), layout="nhwc")
    assert "table.parquet, row 2, column 'images', has 70 bytes; give it the 72 bytes" in words
    put([bytes(72), None])
    assert "row 2, column 'images', is empty" in fault(
        file="table.parquet", shape=(4, 6, 3), layout="nhwc"
    )


@pytest.mark.parametrize("wrapped", [False, True], ids=["binary", "struct"])
def test_encoded_pictures_become_files_by_their_rows(wrapped: bool) -> None:
    cells: list[Any] = [encoded(picture) for picture in PIXELS]
    cells[1], cells[2] = None, b"no picture"
    if wrapped:
        cells = [cell and {"bytes": cell, "path": "x"} for cell in cells]
    put(cells, y=[5, 4, 3, 2, None], part=["train", "val", "val", None, "test"])
    source = read_files(label="y", split="part")
    assert source.numbered and [int(name) for name in source.scan.files] == [0, 2, 3, 4]
    assert source.scan.left_out == {"000000001": "no picture in its row"}
    assert source.labels.labels == ("5", "3", "2", None)
    assert source.labels.splits == ("train", "validation", None, "test")
    found = [read_or_leave_out(source.folder / name, (3, H, W)) for name in source.scan.files]
    for row, picture in zip((0, 2, 3, 4), found, strict=True):
        if row != 2:
            assert isinstance(picture, FittedPicture)
            assert torch.equal(picture.pixels, torch.from_numpy(PIXELS[row]))


def test_pictures_are_unpacked_once_and_again_as_the_same() -> None:
    put([encoded(picture) for picture in PIXELS])
    first = read_files()
    (first.folder / "000000000").write_bytes(b"edited")
    assert (read_files().folder / "000000000").read_bytes() == b"edited", "it is a cache"
    for path in first.folder.iterdir():
        path.unlink()
    first.folder.rmdir()
    assert read_files().scan == first.scan
    put([encoded(picture) for picture in PIXELS[::-1]])
    assert read_files().folder != first.folder


def test_a_column_that_is_no_bytes_is_refused() -> None:
    put([1, 2])
    assert "has a column 'images' of int64; write pictures as binary" in fault(file="table.parquet")
