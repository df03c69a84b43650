"""Folders of pictures: embedded, with all files that are left out, and searched for neighbours."""

import base64
import csv
import io
import json
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch import Tensor

from tests.support.used import pictures, save_models
from twinview.cli import main
from twinview.core import paths
from twinview.core.errors import DataError
from twinview.core.types import NO_LABEL, Embeddings
from twinview.data import split_writer
from twinview.data.examples import SCHEMA, USED, save_examples
from twinview.data.splits import Prepared
from twinview.evaluation.logistic import LogisticModel
from twinview.models import embedder, embeddings, probe
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


def embed(*options: str, out: str = "x.parquet", folder: str = "pics") -> int:
    return main(["embed", folder, "--out", out, *options])


def left_out(path: str = "x.left_out.csv") -> list[dict[str, str]]:
    with Path(path).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_picture_below_is_a_row_named_by_its_path(own: Predictor) -> None:
    assert embed() == 0
    table = pd.read_parquet("x.parquet")
    assert list(table.columns) == ["path", "features", "distance"]
    assert table["path"].tolist() == NAMES
    lossless = [0, 1, 4, 5, 6]
    found = torch.from_numpy(np.stack(table["features"]))
    # Float32 sums in batches of another size.
    assert torch.allclose(found[lossless], own.features(PICTURES[lossless]), atol=1e-5)
    reference = own.embedder.reference
    assert reference is not None
    expected = reference.distances(found).numpy()
    assert np.allclose(table["distance"], expected, atol=1e-6)


def test_other_sizes_and_colours_are_fitted(own: Predictor) -> None:
    Image.open("pics/0.png").convert("RGB").resize((24, 24)).save("pics/large.png")
    assert embed() == 0
    table = pd.read_parquet("x.parquet").set_index("path")
    assert len(table.loc["large.png", "features"]) == own.encoder.dim


def break_two() -> None:
    whole = Path("pics/sub/4.png").read_bytes()
    Path("pics/sub/4.png").write_bytes(whole[: len(whole) // 2])
    Path("pics/a,b.jpg").write_text("hello")


def test_what_cannot_be_embedded_is_named_in_a_second_table(
    own: Predictor, capsys: Captured
) -> None:
    break_two()
    assert embed() == 0
    assert pd.read_parquet("x.parquet")["path"].tolist() == [n for n in NAMES if n != "sub/4.png"]
    reasons = {row["path"]: (row["reason"], row["detail"]) for row in left_out()}
    advice = "save it as PNG, JPEG, WebP, BMP, GIF, TIFF, PPM or AVIF"
    assert reasons == {
        "notes.txt": ("*.txt", ""),
        "a,b.jpg": ("no picture", f"is no picture that can be read; {advice}"),
        "sub/4.png": ("broken", "is broken (image file is truncated)"),
    }
    said = capsys.readouterr().out
    assert "left out: 1 *.txt, 1 no picture, 1 broken\n  a,b.jpg is no picture" in said
    assert "x.left_out.csv names all files that are left out" in said


def test_strictly_files_that_are_left_out_are_a_fault_and_the_table_is_written(
    own: Predictor,
) -> None:
    assert embed("--strict") == 1 and len(pd.read_parquet("x.parquet")) == 7
    Path("pics/notes.txt").unlink()
    assert embed("--strict") == 0 and left_out() == []


def test_if_none_can_be_read_nothing_is_written(own: Predictor, capsys: Captured) -> None:
    Path("alone").mkdir()
    Path("alone/a.jpg").write_text("hello")
    before = sorted(Path().rglob("*"))
    assert embed(folder="alone") == 1
    assert "alone: of 1 picture none can be read:\n  a.jpg is no" in capsys.readouterr().err
    assert sorted(Path().rglob("*")) == before


def test_each_file_is_read_once(own: Predictor, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    plain_open = Path.open

    def counted(path: Path, mode: str = "r", *arguments: Any, **options: Any) -> Any:
        opened.extend([path.name] if path.parts[:1] == ("pics",) else [])
        return plain_open(path, mode, *arguments, **options)

    monkeypatch.setattr(Path, "open", counted)
    assert embed() == 0
    assert sorted(opened) == sorted(Path(name).name for name in NAMES)


def test_what_fitting_changes_and_pillow_warns_of_is_counted_and_named(
    own: Predictor, capsys: Captured
) -> None:
    for name, size in (("a.jpg", (12, 12)), ("b.jpg", (30, 24))):
        exif = b"Exif\0\0odd"
        Image.new("RGB", size, "red").save(Path("pics") / name, exif=exif)
    assert embed() == 0
    said = capsys.readouterr().out
    assert "of 9 pictures: 2 made grey, 1 scaled, 1 cut" in said
    assert "warnings: 2\n  a.jpg: is not turned" in said


def test_of_many_broken_pictures_a_few_are_named_and_all_counted(
    own: Predictor, capsys: Captured
) -> None:
    for number in range(12):
        Path(f"pics/broken{number:02}.png").write_text("hello")
    assert embed() == 0
    said = capsys.readouterr().out
    assert "left out: 12 no picture" in said and "  broken09.png is" in said
    assert "  ...\n" in said and "broken10.png" not in said and len(left_out()) == 13


def test_another_suffix_than_a_table_s_is_refused_before_the_work(
    own: Predictor, capsys: Captured
) -> None:
    assert embed(folder="absent", out="thousand.feather") == 1
    said = capsys.readouterr().err
    assert (
        "--out is thousand.feather, whose suffix names no table; use .parquet, .csv, .npz" in said
    )


def test_the_suffix_chooses_the_kind_of_table(own: Predictor) -> None:
    for suffix in ("parquet", "csv", "npz"):
        assert embed(out=f"x.{suffix}") == 0
    parquet, table = pd.read_parquet("x.parquet"), pd.read_csv("x.csv")
    features = np.stack(parquet["features"])
    assert table["path"].tolist() == NAMES
    columns = [f"feature_{k}" for k in range(own.encoder.dim)]
    assert list(table.columns) == ["path", "distance", *columns]
    assert np.array_equal(table[columns].to_numpy(np.float32), features)
    assert np.array_equal(table["distance"].to_numpy(np.float32), parquet["distance"])
    arrays = np.load("x.npz")
    assert arrays["path"].tolist() == NAMES and arrays["features"].dtype == np.float32
    assert np.array_equal(arrays["features"], features)
    assert np.array_equal(arrays["distance"], parquet["distance"])
    assert not list(Path().glob("*.part*")) and not list(Path().glob(".*.part*"))


def test_pictures_unlike_the_training_data_are_counted(own: Predictor, capsys: Captured) -> None:
    reference, used = own.embedder.reference, own.embedder
    assert reference is not None
    for limit, told in ((2.0, "0 of 7 files are further"), (-1.0, "7 of 7 files are further")):
        percentiles = torch.full((101,), limit)
        embedder.save(Path("models/embedder"), used, replace(reference, percentiles=percentiles))
        assert embed() == 0
        said = capsys.readouterr().out
        assert f"{told} from the training data than 99 % of validation examples" in said
        assert ("features of such pictures say little" in said) == (limit < 0)


@pytest.mark.slow
def test_features_do_not_depend_on_the_number_of_workers(own: Predictor, capsys: Captured) -> None:
    """More pictures than are decoded in this process, and more than are embedded at once."""
    for number, picture in enumerate(pictures(300)):
        write(Path(f"pics/many/{number}.png"), picture)
    Path("pics/many/a.png").write_text("hello")
    for workers in ("1", "3"):
        assert embed("--workers", workers, out=f"{workers}.parquet") == 0
    assert Path("1.parquet").read_bytes() == Path("3.parquet").read_bytes()
    assert left_out("1.left_out.csv") == left_out("3.left_out.csv")
    table = pd.read_parquet("1.parquet").set_index("path")
    found = np.stack([table.loc[f"many/{number}.png", "features"] for number in range(300)])
    # Float32 sums in batches of another size.
    assert np.allclose(found, own.features(pictures(300)).numpy(), atol=1e-5)


def test_no_workers_are_refused(own: Predictor, capsys: Captured) -> None:
    assert embed("--workers", "0") == 1
    assert "--workers is 0; set it to 1 or more" in capsys.readouterr().err


def test_without_an_embedder_the_settings_say_whether_features_are_mirrored(
    own: Predictor, write_params: Callable[..., Path], capsys: Captured
) -> None:
    assert embed() == 0
    before = np.stack(pd.read_parquet("x.parquet")["features"])
    shutil.rmtree("models/embedder")
    for mirror in (True, False):
        write_params({"embed.mirror": mirror})
        assert embed() == 0
        table = pd.read_parquet("x.parquet")
        assert np.array_equal(np.stack(table["features"]), before) == mirror
        assert list(table.columns) == ["path", "features"]
        assert main(["neighbours", "pics/0.png", "--among", "x.parquet"]) == 0
    write_params({"embed.components": 4})
    assert embed() == 1
    assert "is missing, and embed.components is 4; `dvc repro embed`" in capsys.readouterr().err


def test_without_a_probe_folders_are_embedded(own: Predictor) -> None:
    shutil.rmtree("models/probe")
    assert embed() == 0


def test_names_that_are_not_utf_8_are_escaped_and_found_again(
    own: Predictor, capsys: Captured
) -> None:
    Path(os.fsdecode(b"pics/\xff.png")).write_bytes(Path("pics/0.png").read_bytes())
    assert embed() == 0
    assert pd.read_parquet("x.parquet")["path"].tolist() == [*NAMES, r"\xff.png"]
    asked = ["neighbours", "pics/0.png", "--among", "x.parquet", "--count", "8"]
    assert main([*asked, "--html", "page.html"]) == 0
    assert r"1.0000  \xff.png" in capsys.readouterr().out
    assert "cannot be read any more" not in Path("page.html").read_text()


def test_an_earlier_table_survives_a_failed_one(own: Predictor) -> None:
    assert embed() == 0
    before = Path("x.parquet").read_bytes()
    for path in Path("pics").rglob("*.*"):
        path.write_text("hello")
    assert embed() == 1
    assert Path("x.parquet").read_bytes() == before


@pytest.mark.parametrize(
    ("name", "said"), [("models", "no file that ends"), ("x", "x does not exist")]
)
def test_a_folder_without_pictures_is_said_so(
    name: str, said: str, own: Predictor, capsys: Captured
) -> None:
    assert embed(folder=name) == 1
    assert said in capsys.readouterr().err


def test_the_result_as_json(own: Predictor, capsys: Captured) -> None:
    assert embed("--json") == 0
    said = json.loads(capsys.readouterr().out)
    far = said.pop("far")
    assert far == sum(pd.read_parquet("x.parquet")["distance"] > own.embedder.reference.limit)  # type: ignore[union-attr]
    numbers = {"pictures": 7, "features": own.encoder.dim, "made_grey": 0, "scaled": 0, "cut": 0}
    others = {"left_out": {"*.txt": 1}, "broken": [], "warnings": []}
    assert said == {"file": "x.parquet", "left_out_file": "x.left_out.csv"} | numbers | others


def test_a_picture_s_nearest_in_a_table_is_itself_then_the_most_alike(
    own: Predictor, capsys: Captured
) -> None:
    assert embed() == 0
    capsys.readouterr()
    asked = ["neighbours", "pics/sub/4.png", "--among", "x.parquet", "--count", "3", "--json"]
    assert main(asked) == 0
    found = json.loads(capsys.readouterr().out)
    table = torch.from_numpy(np.stack(pd.read_parquet("x.parquet")["features"]))
    cosines = torch.cosine_similarity(own.features(PICTURES[4:5]), table)
    assert [row["id"] for row in found] == [NAMES[k] for k in cosines.argsort(descending=True)[:3]]
    assert found[0] == {"id": "sub/4.png", "similarity": 1.0}


def test_the_page_of_a_folder_shows_its_pictures_from_any_other_folder(
    own: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert embed() == 0
    place = Path.cwd()
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    (place / "pics/1.PNG").unlink()
    asked = ["neighbours", f"{place}/pics/0.png", "--models", f"{place}/models", "--count", "7"]
    assert main([*asked, "--among", f"{place}/x.parquet", "--html", "page.html"]) == 0
    page = Path("page.html").read_text()
    assert page.count("<img") == 7 and page.count("cannot be read any more") == 1


def test_a_table_of_another_encoder_is_refused(own: Predictor, capsys: Captured) -> None:
    assert embed() == 0
    for change in ({"seed": 1}, {"mirror": False}, {"components": 4}):
        save_models(Path("models"), **change)
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
    first, second, *_ = capsys.readouterr().out.splitlines()
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


def test_neighbours_without_a_label_among_labelled_ones_have_none(
    trained: Predictor, capsys: Captured
) -> None:
    parts = embeddings.load(paths.EMBEDDINGS)
    some = replace(parts["train"], labels=parts["train"].required_labels().clone())
    some.required_labels()[::2] = NO_LABEL
    embeddings.save(paths.EMBEDDINGS, parts | {"train": some})
    assert main(["neighbours", "pics/0.png", "--count", "96", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    ids = [row["id"] for row in found if "label" in row]
    assert sorted(ids) == sorted(some.ids[1::2].tolist())


def test_neighbours_have_the_files_that_the_table_of_examples_knows(
    trained: Predictor, shapes: Prepared, capsys: Captured
) -> None:
    ids = [int(k) for part in shapes.splits.values() for k in part.ids]
    where = [name for name, part in shapes.splits.items() for _ in part.ids]
    known = {"id": ids, "origin": [f"photos/{k}.jpg" for k in ids], "split": where}
    known |= {"status": [USED] * len(ids)}
    empty: dict[str, list[Any]] = {name: [None] * len(ids) for name in SCHEMA.names}
    save_examples(paths.EXAMPLES, empty | known)
    assert main(["neighbours", "pics/0.png", "--count", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert main(["neighbours", "pics/0.png", "--count", "2", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert all(row["origin"] == f"photos/{row['id']}.jpg" for row in found)
    assert [line.split()[1] for line in lines[:2]] == [row["origin"] for row in found]


def test_the_page_shows_the_picture_and_its_neighbours(
    trained: Predictor, shapes: Prepared, capsys: Captured
) -> None:
    asked = ["neighbours", "pics/0.png", "--count", "3", "--html", "page.html"]
    assert main([*asked, "--json"]) == 0
    ids = [row["id"] for row in json.loads(capsys.readouterr().out)]
    train = shapes.splits["train"]
    places = [train.ids.tolist().index(name) for name in ids]
    flat = train.inputs.flatten(1).double()
    cosines = torch.cosine_similarity(PICTURES[0].flatten()[None].double(), flat)
    by_pixels = cosines.argsort(descending=True)[:3]
    expected = [PICTURES[0], *train.inputs[places], *train.inputs[by_pixels]]
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
        (["pics/0.png", "--among", "y.parquet"], "`twinview embed FOLDER --out y.parquet` makes"),
        (["pics/0.png", "--among", "pics/notes.txt"], "is no Parquet table that `twinview embed`"),
    ],
)
def test_what_cannot_be_asked_is_said(
    arguments: list[str], said: str, own: Predictor, capsys: Captured
) -> None:
    assert main(["neighbours", *arguments]) == 1
    assert said in capsys.readouterr().err


def test_more_neighbours_than_there_are_pictures_are_told(own: Predictor, capsys: Captured) -> None:
    assert embed() == 0
    asked = ["neighbours", "pics/0.png", "--among", "x.parquet", "--count"]
    count = len(NAMES)
    capsys.readouterr()
    assert main([*asked, str(count)]) == 0
    assert len(capsys.readouterr().out.splitlines()) == count
    assert main([*asked, str(count + 1)]) == 0
    last = capsys.readouterr().out.splitlines()[count]
    assert last == f"twinview: no more than {count} pictures can be searched"


def test_a_picture_unlike_the_training_data_is_told(own: Predictor, capsys: Captured) -> None:
    assert embed() == 0
    reference = own.embedder.reference
    assert reference is not None
    never = replace(reference, percentiles=torch.full((101,), -1.0))
    embedder.save(Path("models/embedder"), own.embedder, never)
    capsys.readouterr()
    assert main(["neighbours", "pics/0.png", "--among", "x.parquet"]) == 0
    assert "pics/0.png is further from the training data than 99 %" in capsys.readouterr().out


def test_a_probe_of_another_width_is_refused(own: Predictor) -> None:
    narrow = LogisticModel(torch.zeros(4), torch.ones(4), torch.zeros(3, 4), torch.zeros(3))
    probe.save(Path("models/probe"), probe.with_class_names(narrow, ("a", "b", "c")), {})
    with pytest.raises(DataError, match="models/probe is the probe of 4 features"):
        Predictor.load("models")
