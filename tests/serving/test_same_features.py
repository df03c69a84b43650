"""The same file has the same features wherever it is embedded."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import ExifTags, Image

from tests.support import snippets
from tests.support.picture_bytes import as_file
from tests.support.used import save_models
from twinview.cli import main
from twinview.core.reading import Reading
from twinview.serving import export
from twinview.serving.pyfunc import ServedModel
from twinview.serving.scikit_learn import EncoderTransformer

SHAPE = (3, 12, 10)
READING = Reading(background=(250, 128, 0), jpeg_margin=2)


def noise(mode: str, width: int, height: int) -> Image.Image:
    random = np.random.default_rng(width * height)
    bands = len(Image.new(mode, (1, 1)).getbands())
    values = random.integers(0, 256, (height, width, bands), dtype=np.uint8)
    return Image.merge(mode, [Image.fromarray(values[..., band]) for band in range(bands)])


def save_files(folder: Path) -> list[Path]:
    """Pictures of several kinds, sizes and colours, transparent, turned, and large JPEGs."""
    palette = noise("RGB", 20, 30).quantize(16)
    palette.info["transparency"] = 3
    large, turned = noise("RGB", 90, 130), Image.Exif()
    turned[ExifTags.Base.Orientation] = 6
    contents = {
        "exact.png": as_file(noise("RGB", 10, 12)),
        "grey.png": as_file(noise("L", 25, 17)),
        "clear.png": as_file(noise("RGBA", 31, 29)),
        "grey_clear.png": as_file(noise("LA", 31, 29)),
        "palette.png": as_file(palette, transparency=3),
        "large.jpg": as_file(large, "JPEG", quality=95),
        "turned.jpg": as_file(large, "JPEG", exif=turned),
        "lossless.webp": as_file(noise("RGBA", 40, 20), "WEBP", lossless=True),
    }
    folder.mkdir()
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return sorted(folder / name for name in contents)


def by_command(files: list[Path]) -> np.ndarray:
    assert main(["embed", "pics", "--out", "x.parquet"]) == 0
    table = pd.read_parquet("x.parquet")
    assert table["path"].tolist() == [file.name for file in files]
    return np.stack(table["features"])


def by_served_model(files: list[Path]) -> np.ndarray:
    model = ServedModel()
    model.load_context(SimpleNamespace(artifacts={"encoder": "models/encoder"}))
    given = np.array([file.read_bytes() for file in files], dtype=object)
    return np.stack(model.predict(None, given)["features"])


def by_transformer(files: list[Path]) -> np.ndarray:
    transformer = EncoderTransformer("models")
    features: np.ndarray = transformer.fit_transform(transformer.read(files))
    return features


def prepared(files: list[Path], choices: str) -> np.ndarray:
    """The pictures by the function that docs/using.md shows, which does not use twinview."""
    [block] = [b for b in snippets.blocks("docs/using.md", "python") if "def prepare" in b]
    imports, rest = block.split("session = ")
    function = rest[rest.index("def prepare") : rest.index("[features] =")]
    names: dict[str, Any] = {}
    exec(f"{imports}\nchoices = json.loads({choices!r})\n{function}", names)
    return np.stack([names["prepare"](file) for file in files])


def by_program(files: list[Path], embedder: Any) -> np.ndarray:
    export.pt2(Path("a.pt2"), embedder)
    extra = {export.PREPARATION: ""}
    program = torch.export.load("a.pt2", extra_files=extra).module()
    pictures = prepared(files, extra[export.PREPARATION])
    features: np.ndarray = program(torch.from_numpy(pictures)).detach().numpy()
    return features


def by_onnx(files: list[Path], embedder: Any) -> np.ndarray:
    onnxruntime = pytest.importorskip("onnxruntime")
    export.onnx(Path("a.onnx"), embedder)
    session = onnxruntime.InferenceSession("a.onnx")
    choices = session.get_modelmeta().custom_metadata_map[export.PREPARATION]
    [features] = session.run(["features"], {"pictures": prepared(files, choices)})
    return np.asarray(features)


@pytest.mark.parametrize("components", [None, 6])
def test_the_same_file_has_the_same_features_everywhere(
    components: int | None, folder: Path
) -> None:
    own = save_models(Path("models"), shape=SHAPE, components=components, reading=READING)
    files = save_files(Path("pics"))
    expected = by_command(files)
    assert expected.shape == (len(files), components or own.encoder.dim)
    found = {
        "the served model": by_served_model(files),
        "scikit-learn": by_transformer(files),
        "torch.export": by_program(files, own.embedder),
        "ONNX": by_onnx(files, own.embedder),
    }
    for name, features in found.items():
        # Other kernels add in another order; whitening divides by small deviations.
        assert np.allclose(features, expected, atol=1e-4 * np.abs(expected).max()), name


def test_a_reading_of_its_own_changes_what_these_files_give(folder: Path) -> None:
    """So that the test above would notice where a reading is not passed on."""
    files = save_files(Path("pics"))
    found = []
    for reading in (READING, Reading()):
        own = save_models(Path("models"), shape=SHAPE, reading=reading)
        found.append(by_command(files))
        assert own.encoder.description.reading == reading
    differing = (np.abs(found[0] - found[1]).max(1) > 1e-3).tolist()
    names = {file.name for file, differs in zip(files, differing, strict=True) if differs}
    transparent = {"clear.png", "grey_clear.png", "palette.png", "lossless.webp"}
    assert names == transparent | {"large.jpg", "turned.jpg"}


def test_files_of_a_transformer_may_be_named_in_any_way(folder: Path) -> None:
    save_models(Path("models"), shape=SHAPE)
    [file, *_] = save_files(Path("pics"))
    read = EncoderTransformer("models").read([str(file), file])
    assert read.shape == (2, *SHAPE) and read.dtype == np.uint8 and np.array_equal(*read)
