"""What the served model takes for pictures, and what it refuses, in words a client can use."""

import base64
import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from mlflow.exceptions import MlflowException
from mlflow.pyfunc.scoring_server import invocations
from PIL import ExifTags, Image

from tests.support.used import pictures, save_models
from twinview.models import probe
from twinview.pictures import files
from twinview.serving.pyfunc import ServedModel, as_pictures, describe_input, signature

SHAPE = (1, 12, 12)
PICTURES = pictures(3)


def as_file(picture: torch.Tensor) -> bytes:
    content = io.BytesIO()
    Image.fromarray(picture[0].numpy()).save(content, "PNG")
    return content.getvalue()


FILES = [as_file(picture) for picture in PICTURES]


@pytest.mark.parametrize(
    "given",
    [
        PICTURES.numpy(),
        PICTURES.numpy().astype(np.int64),
        np.array(PICTURES.tolist(), dtype=object),  # what MLflow makes of JSON
        np.array(FILES, dtype=object),
        np.array([base64.b64encode(file).decode() for file in FILES], dtype=object),
        np.array([base64.encodebytes(file).decode() for file in FILES], dtype=object),
    ],
    ids=["bytes", "integers", "JSON", "files", "base64", "lines of base64"],
)
def test_arrays_and_files_are_the_same_pictures(given: Any) -> None:
    found = as_pictures(given, SHAPE)
    assert torch.equal(found, PICTURES) and found.dtype == torch.uint8


def ragged() -> list[Any]:
    rows = PICTURES.tolist()
    rows[1][0][4].pop()
    return rows


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (PICTURES.numpy()[..., :11], r"their shape is \(3, 1, 12, 11\)"),
        (PICTURES.numpy()[0], r"their shape is \(1, 12, 12\)"),
        (PICTURES.numpy().repeat(3, 1), r"their shape is \(3, 3, 12, 12\)"),
        (PICTURES.numpy() / 255, "they are float64, and must be whole numbers"),
        (PICTURES.numpy() > 9, "they are bool"),
        (PICTURES.numpy().astype(int) - 1, "they hold -1 to 254"),
        (PICTURES.numpy().astype(int) + 1, "they hold 1 to 256"),
        (np.array(ragged(), dtype=object), "their rows differ in length"),
        (np.array([[["a"]]], dtype=object), "must be whole numbers"),
        (PICTURES.numpy()[:0], "there are none"),
        (np.array([FILES[0], b"hello"], dtype=object), "input 1 is no picture that can be read"),
        (np.array([FILES[0][:-60]], dtype=object), "input 0 is broken"),
        (np.array(["hello!"], dtype=object), "input 0 is text, but not base64"),
        (np.array([7.5, None], dtype=object), "input 0 is float, not a file"),
    ],
)
def test_anything_else_is_refused_with_what_is_taken(given: Any, said: str) -> None:
    with pytest.raises(MlflowException, match=said) as caught:
        as_pictures(given, SHAPE)
    assert describe_input(SHAPE) in str(caught.value) and caught.value.get_http_status_code() == 400


def test_files_are_fitted_as_embed_fits_them(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    picture = Image.fromarray(pictures(1, (4, 40, 30))[0].permute(1, 2, 0).numpy())
    picture.save(tmp_path / "turned.png", exif=exif)
    content = (tmp_path / "turned.png").read_bytes()
    [found] = as_pictures(np.array([content], dtype=object), SHAPE)
    assert torch.equal(found, files.read_picture(tmp_path / "turned.png", SHAPE).pixels)


@pytest.mark.parametrize("labelled", [True, False])
def test_the_answer_has_the_columns_of_the_signature(labelled: bool, tmp_path: Path) -> None:
    own = save_models(tmp_path)
    if not labelled:
        probe.save_none(tmp_path / "probe", probe.NoProbe("the data have no labels"))
    model = ServedModel()
    model.load_context(SimpleNamespace(artifacts={"encoder": str(tmp_path / "encoder")}))
    answer = model.predict(None, PICTURES.numpy())
    assert list(answer) == signature(has_probe=labelled).outputs.input_names()
    assert answer["features"].tolist() == own.features(PICTURES).tolist()


class Refusing:
    """A model as MLflow's server asks it; its pictures are never any."""

    metadata = None

    def predict(self, data: Any, params: Any = None) -> None:
        as_pictures(data, SHAPE)


def test_a_refusal_over_http_does_not_repeat_what_was_sent() -> None:
    body = json.dumps({"inputs": ["aGVs" * 30_000]})
    with pytest.raises(MlflowException) as caught:
        invocations(body, "application/json", Refusing(), signature(has_probe=True).inputs)
    message = json.loads(caught.value.serialize_as_json())["message"]
    assert message.startswith("pictures: input 0 is no picture") and len(message) < 400


def test_what_is_taken_is_said_in_words() -> None:
    assert describe_input((3, 20, 30)) == (
        "uint8 (n, 3, 20, 30), RGB, or the bytes of n files (in JSON as base64): "
        "PNG, JPEG, WebP, BMP, GIF, TIFF, PPM or AVIF, which it fits to 30 x 20 pixels"
    )
