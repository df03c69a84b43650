"""Time series through all stages, from a CSV file of the user to the page and the served model."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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
from tests.support import small_series
from tests.support.plugins import PARAMS
from tests.support.unrecorded import Unrecorded, out
from tests.support.workspace import ROOT
from twinview.core import files, paths
from twinview.data import splits
from twinview.experiments import lock_file
from twinview.models import embeddings
from twinview.models.predictor import Predictor
from twinview.serving.pyfunc import as_series, features_of
from twinview.settings.recipes import merge
from twinview.tracking import mlflow_runs, run_names

SETTINGS: dict[str, Any] = {
    "data": {"source": "series"},
    "sources": {
        "series": {
            "path": "series.csv",
            "columns": {"channels": ["a", "b"], "label": "label", "group": "group"},
            "window": {"length": 40, "step": 20},
        }
    },
    "views": {"chain": ["window_crop", "jitter", "time_mask", "channel_drop"]},
    "pretrain": {"batch_size": 16, "epochs": 4, "warmup_epochs": 1, "monitor_examples": 16},
    "baselines": {"pca_components": 4, "epochs": 2, "batch_size": 16},
    "evaluate": {"tasks": ["classification", "few_labels", "clusters"]},
    "tasks": {
        "few_labels": {"per_class": [4], "draws": 2},
        "clusters": {"counts": [2, 3], "examples": 50, "starts": 1},
    },
    "probes": {"linear": {"C": [1.0]}, "knn": {"neighbours": [5], "pca_components": [0]}},
    "report": {"points": 20, "queries": 4, "neighbours": 3},
    "encoders": {"dilated": {"width": 8, "depth": 3}},
}


@pytest.fixture(scope="module", autouse=True)
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The stages up to the page have run; their folder is the current one."""
    folder = tmp_path_factory.mktemp("series")
    recipe = YAML(typ="safe").load((ROOT / "recipes/series.yaml").read_text())
    settings = merge(merge(copy.deepcopy(PARAMS), recipe), SETTINGS)
    settings["pretrain"]["threads"] = 1
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(mlflow_runs, "pretraining", Unrecorded)
        patch.setattr(lock_file, "recorded_outs", lambda stages: [out(paths.PREPARED)])
        small_series.write_csv(Path("series.csv"), 30, 90)
        with Path("params.yaml").open("w") as file:
            YAML().dump(settings, file)
        torch.set_num_threads(1)
        for stage in (prepare, views, baselines, pretrain, embed):
            stage.main()
        for stage in (evaluate_baselines, evaluate, report):
            stage.main()
        yield folder


def test_windows_of_a_group_are_in_one_split_and_keep_what_is_missing() -> None:
    prepared = splits.load(paths.PREPARED)
    groups = [set(part.groups.tolist()) for part in prepared.splits.values()]
    assert sum(map(len, groups)) == 10 and len(set.union(*groups)) == 10
    train = prepared.splits["train"].inputs
    assert train.dtype == torch.float32 and train.shape[1:] == (2, 40)
    assert train[:, 1].isnan().float().mean().item() == pytest.approx(0.1)


def test_the_encoder_tells_classes_apart_and_stands_beside_its_baselines() -> None:
    metrics, others = files.load_json(paths.METRICS), files.load_json(paths.BASELINE_METRICS)
    assert {"linear", "knn", "labels_4"} < set(metrics)
    assert set(others) == {"statistics", "pca_4", "random_encoder", "supervised"}
    assert metrics["linear"]["accuracy"] > 0.6  # of three classes
    assert others["statistics"]["linear"]["accuracy"] > 0.9


def test_the_page_shows_plots_and_calls_them_recordings() -> None:
    page = paths.REPORT.read_text()
    assert "Test recordings" in page and "by statistics and frequencies" in page
    assert (
        "raw pixels" not in page
        and "the same pixels" not in page
        and 'class="sentence"' not in page
    )


def test_the_served_model_gives_the_features_of_the_pipeline() -> None:
    predictor = Predictor.load("models")
    inputs = splits.load(paths.PREPARED).splits["test"].inputs[:5]
    expected = embeddings.load(paths.EMBEDDINGS)["test"].features[:5]
    as_json = [
        [[None if v != v else v for v in row] for row in series] for series in inputs.tolist()
    ]
    # Sums of float32 in batches of another size.
    for asked in (inputs.numpy(), as_json):
        assert torch.allclose(features_of(asked, predictor), expected, atol=1e-5)


@pytest.mark.parametrize("asked", [[], [[1.0]], ["a"], [[[1.0, 2.0], [1.0]]], [[[1.0, 1e60]]]])
def test_the_served_model_refuses_other_values(asked: list[Any]) -> None:
    with pytest.raises(MlflowException, match=r"This model takes float32 \(n, 1, 2\)"):
        as_series(asked, (1, 2))


def test_a_row_is_published_with_series_as_an_example(monkeypatch: pytest.MonkeyPatch) -> None:
    rows: list[mlflow_runs.Row] = []
    monkeypatch.setattr(mlflow_runs, "publish", lambda row: rows.append(row) or "run")
    monkeypatch.setattr(run_names, "row_name", lambda: "series")
    publish.main()
    assert rows[0].encoder[3].shape == (4, 2, 40)
