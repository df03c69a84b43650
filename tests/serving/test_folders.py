"""Folders of pictures: embedded whole or not at all, and their nearest neighbours."""

import base64
import io
import json
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch import Tensor

from tests.support.used import pictures, save_models
from twinview.cli import main
from twinview.core import paths
from twinview.core.types import Embeddings
from twinview.data import split_writer
from twinview.data.splits import Prepared
from twinview.evaluation.logistic import LogisticModel
from twinview.models import embeddings, probe
from twinview.models.predictor import Predictor

Captured = pytest.CaptureFixture[str]
PICTURES = pictures(7)
NAMES = ["0.png", "1.PNG", "2.jpeg", "sub/3.jpg", "sub/4.png", "sub/deep/5.png", "sub/deep/6.png"]


@pytest.fixture
def own(folder: Path) -> Predictor:
    """models/, and in pics/ seven pictures, PNG ones but for two."""
    for name, picture in zip(NAMES, PICTURES, strict=True):
        write(Path("pics") / name, picture)
    Path("pics/notes.txt").write_text("no picture")
    return save_models(Path("models"))


def write(path: Path, picture: Tensor) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture[0].numpy()).save(path)


def test_every_picture_below_is_a_row_named_by_its_path(own: Predictor) -> None:
    assert main(["embed", "pics", "--out", "x.parquet"]) == 0
    table = pd.read_parquet("x.parquet")
    assert list(table.columns) == ["path", "features"] and table["path"].tolist() == NAMES
    lossless = [0, 1, 4, 5, 6]
    found = torch.from_numpy(np.stack(table["features"]))[lossless]
    # Float32 sums in batches of another size.
    assert torch.allclose(found, own.features(PICTURES[lossless]), atol=1e-5)


def test_other_sizes_and_colours_are_fitted(own: Predictor) -> None:
    Image.open("pics/0.png").convert("RGB").resize((24, 24)).save("pics/large.png")
    assert main(["embed", "pics", "--out", "x.parquet"]) == 0
    table = pd.read_parquet("x.parquet").set_index("path")
    assert len(table.loc["large.png", "features"]) == own.encoder.dim


def test_broken_pictures_are_named_all_and_nothing_is_written(
    own: Predictor, capsys: Captured
) -> None:
    whole = Path("pics/sub/4.png").read_bytes()
    Path("pics/sub/4.png").write_bytes(whole[: len(whole) // 2])
    Path("pics/a.jpg").write_text("hello")
    before = sorted(Path().rglob("*"))
    assert main(["embed", "pics", "--out", "x.parquet"]) == 1
    assert capsys.readouterr().err == (
        "twinview: pics: 2 of 8 pictures cannot be embedded; mend or remove them, or give "
        "--skip-broken:\n"
        "  a.jpg is no picture that can be read; save it as PNG, JPEG, WebP, BMP, "
        "GIF, TIFF, PPM or AVIF\n"
        "  sub/4.png is broken (image file is truncated)\n"
    )
    assert sorted(Path().rglob("*")) == before


def test_broken_pictures_are_left_out_on_demand_and_named(own: Predictor, capsys: Captured) -> None:
    Path("pics/a.jpg").write_text("hello")
    assert main(["embed", "pics", "--out", "x.parquet", "--skip-broken"]) == 0
    said = capsys.readouterr().out
    assert "features of 7 pictures" in said and "broken and left out: 1\n  a.jpg is no" in said
    assert pd.read_parquet("x.parquet")["path"].tolist() == NAMES


def test_with_none_but_broken_ones_there_is_nothing_to_skip(
    own: Predictor, capsys: Captured
) -> None:
    Path("alone").mkdir()
    Path("alone/a.jpg").write_text("hello")
    assert main(["embed", "alone", "--out", "x.parquet", "--skip-broken"]) == 1
    assert "1 of 1 pictures cannot be embedded; mend or remove them:" in capsys.readouterr().err


def test_what_fitting_changes_and_pillow_warns_of_is_counted_and_named(
    own: Predictor, capsys: Captured
) -> None:
    for name, size in (("a.jpg", (12, 12)), ("b.jpg", (30, 24))):
        exif = b"Exif\0\0odd"
        Image.new("RGB", size, "red").save(Path("pics") / name, exif=exif)
    assert main(["embed", "pics", "--out", "x.parquet"]) == 0
    said = capsys.readouterr().out
    assert "of 9 pictures: 2 made grey, 1 scaled, 1 cut" in said
    assert "warnings: 2\n  a.jpg: is not turned" in said


def test_another_suffix_than_the_table_s_is_refused_before_the_work(
    own: Predictor, capsys: Captured
) -> None:
    assert main(["embed", "absent", "--out", "thousand.csv"]) == 1
    assert "--out is thousand.csv, but the table is Parquet" in capsys.readouterr().err


def test_without_a_probe_the_settings_say_whether_features_are_mirrored(
    own: Predictor, write_params: Callable[..., Path], capsys: Captured
) -> None:
    assert main(["embed", "pics", "--out", "probed.parquet"]) == 0
    shutil.rmtree("models/probe")
    for mirror in (True, False):
        write_params({"embed.mirror": mirror})
        assert main(["embed", "pics", "--out", "x.parquet"]) == 0
        assert (Path("x.parquet").read_bytes() == Path("probed.parquet").read_bytes()) == mirror
        assert main(["neighbours", "pics/0.png", "--among", "x.parquet"]) == 0


def test_a_name_that_no_table_can_hold_is_told_before_the_work(
    own: Predictor, capsys: Captured
) -> None:
    Path(os.fsdecode(b"pics/\xff.png")).write_bytes(Path("pics/0.png").read_bytes())
    assert main(["embed", "pics", "--out", "x.parquet"]) == 1
    said = capsys.readouterr().err
    assert "1 of 8 pictures" in said and r"\udcff.png has a name that is not UTF-8" in said


def test_an_earlier_table_survives_a_failed_one(own: Predictor) -> None:
    assert main(["embed", "pics", "--out", "x.parquet"]) == 0
    before = Path("x.parquet").read_bytes()
    Path("pics/a.jpg").write_text("hello")
    assert main(["embed", "pics", "--out", "x.parquet"]) == 1
    assert Path("x.parquet").read_bytes() == before


@pytest.mark.parametrize(("name", "said"), [("models", "no file that ends"), ("x", "is no folder")])
def test_a_folder_without_pictures_is_said_so(
    name: str, said: str, own: Predictor, capsys: Captured
) -> None:
    assert main(["embed", name, "--out", "x.parquet"]) == 1
    assert said in capsys.readouterr().err


def test_the_result_as_json(own: Predictor, capsys: Captured) -> None:
    assert main(["embed", "pics", "--out", "x.parquet", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    numbers = {"pictures": 7, "features": own.encoder.dim, "made_grey": 0, "scaled": 0, "cut": 0}
    others = {"left_out": {"*.txt": 1}, "broken": [], "warnings": []}
    assert said == {"file": "x.parquet"} | numbers | others


def test_a_picture_s_nearest_in_a_table_is_itself_then_the_most_alike(
    own: Predictor, capsys: Captured
) -> None:
    assert main(["embed", "pics", "--out", "x.parquet"]) == 0
    capsys.readouterr()
    asked = ["neighbours", "pics/sub/4.png", "--among", "x.parquet", "--count", "3", "--json"]
    assert main(asked) == 0
    found = json.loads(capsys.readouterr().out)
    table = torch.from_numpy(np.stack(pd.read_parquet("x.parquet")["features"]))
    cosines = torch.cosine_similarity(own.features(PICTURES[4:5]), table)
    assert [row["id"] for row in found] == [NAMES[k] for k in cosines.argsort(descending=True)[:3]]
    assert found[0] == {"id": "sub/4.png", "similarity": 1.0}


def test_a_table_of_another_encoder_is_refused(own: Predictor, capsys: Captured) -> None:
    assert main(["embed", "pics", "--out", "x.parquet"]) == 0
    for change in ({"seed": 1}, {"mirror": False}):
        save_models(Path("models"), **change)  # type: ignore[arg-type]
        assert main(["neighbours", "pics/0.png", "--among", "x.parquet"]) == 1
        assert "x.parquet was made by another encoder" in capsys.readouterr().err


@pytest.fixture
def trained(own: Predictor, shapes: Prepared) -> Predictor:
    """With the data and their embeddings, as the pipeline leaves them."""
    split_writer.save(paths.PREPARED, shapes)
    parts = shapes.splits.items()
    made = {n: Embeddings(own.features(part.inputs), part.labels, part.ids) for n, part in parts}
    embeddings.save(paths.EMBEDDINGS, made)
    return own


def test_the_nearest_train_pictures_have_ids_and_labels(
    trained: Predictor, shapes: Prepared, capsys: Captured
) -> None:
    train = shapes.splits["train"]
    write(Path("query.png"), train.inputs[30])
    assert main(["neighbours", "query.png", "--count", "2"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert train.labels is not None
    label = shapes.classes[int(train.labels[30])]
    assert first == f"1.0000  {int(train.ids[30])}  {label}"
    assert float(second.split()[0]) < 1


def test_neighbours_among_unlabelled_pictures_have_ids_alone(
    trained: Predictor, capsys: Captured
) -> None:
    parts = embeddings.load(paths.EMBEDDINGS)
    embeddings.save(paths.EMBEDDINGS, {n: replace(p, labels=None) for n, p in parts.items()})
    assert main(["neighbours", "pics/0.png", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert len(found) == 8 and all(row.keys() == {"id", "similarity"} for row in found)


def test_the_page_shows_the_picture_and_its_neighbours(
    trained: Predictor, shapes: Prepared, capsys: Captured
) -> None:
    asked = ["neighbours", "pics/0.png", "--count", "3", "--html", "page.html"]
    assert main([*asked, "--json"]) == 0
    ids = [row["id"] for row in json.loads(capsys.readouterr().out)]
    train = shapes.splits["train"]
    places = [train.ids.tolist().index(name) for name in ids]
    expected = [PICTURES[0], *train.inputs[places]]
    page = Path("page.html").read_text()
    shown = [
        base64.b64decode(found) for found in re.findall(r'src="data:image/png;base64,(.*?)"', page)
    ]
    pixels = [np.array(Image.open(io.BytesIO(content))) for content in shown]
    assert np.array_equal(pixels, torch.stack(expected)[:, 0].numpy())


def test_embeddings_of_another_encoder_are_refused(trained: Predictor, capsys: Captured) -> None:
    save_models(Path("models"), seed=1)
    assert main(["neighbours", "pics/0.png"]) == 1
    assert "data/embeddings is of another encoder; `dvc repro`" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["pics/notes.txt"], "pics/notes.txt is no picture that can be read"),
        (["absent.png"], "absent.png cannot be read (No such file or directory)"),
        (["pics/0.png", "--count", "0"], "--count is 0; set it to 1 or more"),
        (["pics/0.png", "--among", "y", "--html", "z"], "--html shows train pictures"),
        (["pics/0.png", "--among", "y.parquet"], "`twinview embed FOLDER --out y.parquet` makes"),
        (["pics/0.png", "--among", "pics/notes.txt"], "is no table that `twinview embed` wrote"),
    ],
)
def test_what_cannot_be_asked_is_said(
    arguments: list[str], said: str, own: Predictor, capsys: Captured
) -> None:
    assert main(["neighbours", *arguments]) == 1
    assert said in capsys.readouterr().err


def test_a_probe_of_another_width_is_refused(own: Predictor, capsys: Captured) -> None:
    narrow = LogisticModel(torch.zeros(4), torch.ones(4), torch.zeros(3, 4), torch.zeros(3))
    probe.save(Path("models/probe"), probe.with_class_names(narrow, ("a", "b", "c"), True), {})
    assert main(["embed", "pics", "--out", "x.parquet"]) == 1
    assert "models/probe is the probe of 4 features" in capsys.readouterr().err
