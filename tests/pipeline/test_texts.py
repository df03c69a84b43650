"""Texts through all stages, from a CSV file of the user to the page and the served model."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mlflow.exceptions import MlflowException
from ruamel.yaml import YAML

from pipeline import (
    baselines,
    embed,
    evaluate,
    evaluate_baselines,
    prepare,
    pretrain,
    publish,
    report,
    views,
)
from tests.support import small_texts
from tests.support.plugins import PARAMS
from tests.support.unrecorded import Unrecorded, out
from tests.support.workspace import ROOT
from twinview.cli import main
from twinview.core import files, paths
from twinview.data import splits
from twinview.experiments import lock_file
from twinview.models import embeddings
from twinview.models.predictor import Predictor
from twinview.serving.pyfunc import as_texts, features_of
from twinview.settings.recipes import merge
from twinview.tracking import mlflow_runs, run_names

SETTINGS: dict[str, Any] = {
    "data": {"source": "texts", "train": 90, "validation": 30, "test": 60},
    "sources": {
        "texts": {
            "path": "texts.csv",
            "columns": {"texts": ["title", "body"], "label": "label"},
            "tokens": {"kind": "words", "length": 12, "vocabulary": 300},
        }
    },
    "views": {"chain": ["word_deletion", "neighbour_swap"]},
    "pretrain": {"batch_size": 30, "epochs": 20, "monitor_examples": 16, "threads": 1},
    "baselines": {"pca_components": 4, "epochs": 2, "batch_size": 30},
    "evaluate": {"tasks": ["classification", "few_labels", "retrieval", "clusters"]},
    "tasks": {
        "few_labels": {"per_class": [4], "draws": 2},
        "retrieval": {"examples": 20, "draws": 2},
        "clusters": {"counts": [2, 3], "examples": 50, "starts": 1},
    },
    "probes": {"linear": {"C": [1.0]}, "knn": {"neighbours": [5], "pca_components": [0]}},
    "report": {"points": 40, "queries": 4, "neighbours": 3},
    "encoders": {"bag": {"width": 16}},
}


@pytest.fixture(scope="module", autouse=True)
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The stages up to the page have run; their folder is the current one."""
    folder = tmp_path_factory.mktemp("texts")
    recipe = YAML(typ="safe").load((ROOT / "recipes/text.yaml").read_text())
    settings = merge(merge(copy.deepcopy(PARAMS), recipe), SETTINGS)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(mlflow_runs, "pretraining", Unrecorded)
        patch.setattr(lock_file, "recorded_outs", lambda stages: [out(paths.PREPARED)])
        small_texts.write_csv(Path("texts.csv"), 180)
        with Path("texts.csv").open("a") as file:
            file.write("180,<b>cat</b> horse cow,the bird,animals\n" * 6)
        with Path("params.yaml").open("w") as file:
            YAML().dump(settings, file)
        torch.set_num_threads(1)
        for stage in (prepare, views, baselines, pretrain, embed):
            stage.main()
        for stage in (evaluate_baselines, evaluate, report):
            stage.main()
        yield folder


def test_tokens_are_learnt_from_train_alone_and_lie_beside_the_splits() -> None:
    index = files.load_json(paths.PREPARED / splits.INDEX)
    tokenizer = json.loads(index["statistics"]["tokenizer"])
    prepared = splits.load(paths.PREPARED)
    assert len(tokenizer["model"]["vocab"]) == prepared.statistics.size
    seen = prepared.splits["train"].inputs.unique()
    assert set(range(3, prepared.statistics.size)) <= set(seen.tolist())
    described = files.load_json(paths.ENCODER / "encoder.json")
    assert described["statistics"] == index["statistics"]


def test_the_encoder_finds_titles_and_classes_and_stands_beside_its_baselines() -> None:
    metrics, others = files.load_json(paths.METRICS), files.load_json(paths.BASELINE_METRICS)
    assert {"linear", "knn", "labels_4", "retrieval"} < set(metrics)
    assert set(others) == {"tfidf", "pca_4", "random_encoder", "supervised"}
    # Classes share no words of their own, so that a bag tells them apart.
    assert metrics["knn"]["accuracy"] > 0.9
    assert 0 < metrics["retrieval"]["recall_at_1"] <= metrics["retrieval"]["recall_at_10"] <= 1


def test_the_page_shows_sentences_and_escapes_them() -> None:
    page = paths.REPORT.read_text()
    assert 'class="sentence"' in page and "by TF-IDF" in page
    assert "raw pixels" not in page and "< b >" not in page


def test_the_served_model_gives_the_features_of_the_pipeline() -> None:
    predictor = Predictor.load("models")
    prepared, embedded = splits.load(paths.PREPARED), embeddings.load(paths.EMBEDDINGS)
    test = prepared.splits["test"]
    words = prepared.modality.words(test.inputs[:5], prepared.statistics)
    assert words is not None
    asked = np.array([text.replace(" · ", " ") for text in words], object)
    # Sums of float32 in batches of another size.
    found = features_of(asked, predictor)
    assert torch.allclose(found, embedded["test"].features[:5], atol=1e-5)


@pytest.mark.parametrize("asked", [[], [1, 2], [["a", "b"]], [b"a"]])
def test_the_served_model_refuses_what_is_no_text(asked: list[Any]) -> None:
    with pytest.raises(MlflowException, match="This model takes n texts, as strings"):
        as_texts(asked)


@pytest.mark.parametrize("command", ["embed . --out a.parquet", "export --pt2 a.pt2"])
def test_commands_for_pictures_refuse_an_encoder_of_texts(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command.split()) == 1
    assert "is an encoder of the modality text" in capsys.readouterr().err


def test_a_row_is_published_with_texts_as_an_example(monkeypatch: pytest.MonkeyPatch) -> None:
    rows: list[mlflow_runs.Row] = []
    monkeypatch.setattr(mlflow_runs, "publish", lambda row: rows.append(row) or "run")
    monkeypatch.setattr(run_names, "row_name", lambda: "texts")
    publish.main()
    assert all(isinstance(text, str) for text in rows[0].encoder[3])
