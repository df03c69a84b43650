"""Runs deleted in MLflow's pages: seen, and gone with their files, by MLflow's own means."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import mlflow
import pytest

from twinview.core.errors import BusyError, ConfigError, DataError
from twinview.tracking import deleted_rows, mlflow_runs, stores
from twinview.tracking.mlflow_runs import PIPELINE


@pytest.fixture
def store(folder: Path) -> Iterator[Any]:
    """Three runs, each with a file and a model; the first is deleted, and so is the second, whose
    model is registered."""
    experiment = mlflow_runs._experiment(PIPELINE)
    client = mlflow.MlflowClient(stores.store())
    for number in range(3):
        run = client.create_run(experiment, run_name=str(number))
        (folder / "page.html").write_text(f"page {number}")
        client.log_artifact(run.info.run_id, str(folder / "page.html"))
        model = client.create_logged_model(experiment, str(number), run.info.run_id)
        place = Path(unquote(model.artifact_location.removeprefix("file://")))
        place.mkdir(parents=True)
        (place / "weights").write_text(f"weights {number}")
        if number == 1:
            client.create_registered_model("encoder")
            client.create_model_version("encoder", model.model_uri, run.info.run_id)
        if number < 2:
            client.delete_run(run.info.run_id)
    yield client
    mlflow.set_tracking_uri(None)


def texts() -> set[str]:
    return {path.read_text() for path in Path("mlartifacts").rglob("*") if path.is_file()}


@pytest.mark.slow
def test_deleted_runs_go_with_their_files_and_models_that_are_not_registered(store: Any) -> None:
    found = deleted_rows.deleted_rows()
    assert found.runs == 2 and len(found.models) == 1
    assert sorted(len(list(place.iterdir())) for place in found.folders) == [1, 1, 1]
    deleted_rows.forget()
    assert texts() == {"page 2", "weights 2", "weights 1"}
    assert deleted_rows.deleted_rows() == deleted_rows.Rows(0, [], [], [])
    (experiment,) = [e.experiment_id for e in store.search_experiments() if e.name == PIPELINE]
    left = store.search_runs([experiment], run_view_type=mlflow.entities.ViewType.ALL)
    assert [run.info.run_name for run in left] == ["2"]
    assert store.get_model_version("encoder", "1").status == "READY"


def test_a_deleted_experiment_that_holds_a_registered_model_is_left_alone(
    store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deleted_rows, "_mlflow", lambda *given: pytest.fail("removed"))
    experiment = store.get_experiment_by_name(PIPELINE).experiment_id
    store.delete_experiment(experiment)
    said = (
        f"the experiment {PIPELINE} was deleted .* version 1 of the registered model encoder.*"
        f".*mlflow.db mlflow experiments restore --experiment-id {experiment}` brings it back"
    )
    with pytest.raises(ConfigError, match=said):
        deleted_rows.forget()
    assert len(texts()) == 6
    store.delete_model_version("encoder", "1")
    assert deleted_rows.deleted_rows().lost == []


@pytest.mark.slow
def test_files_of_a_project_that_was_copied_are_left_to_it(
    store: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "copy").mkdir()
    (folder / "mlflow.db").rename(folder / "copy/mlflow.db")
    monkeypatch.chdir(folder / "copy")
    monkeypatch.delenv("MLFLOW_TRACKING_URI")  # MLflow has set it
    with pytest.raises(
        DataError, match=f"files of 3 of its runs are still in {folder}/mlartifacts"
    ):
        deleted_rows.forget()
    monkeypatch.chdir(folder)
    assert len(texts()) == 6


@pytest.mark.parametrize("uri", ["", "http://127.0.0.1:1"])
def test_where_there_is_no_database_there_are_no_rows(
    uri: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    assert deleted_rows.deleted_rows().runs == 0
    deleted_rows.forget()


def test_a_file_that_is_no_database_is_told(folder: Path) -> None:
    Path("mlflow.db").write_text("this is no database, but long enough to be looked at" * 10)
    with pytest.raises(DataError, match=r"mlflow\.db cannot be read as MLflow's database"):
        deleted_rows.deleted_rows()


def test_a_removal_that_does_not_end_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deleted_rows, "LIMIT_S", 0.01)
    with pytest.raises(BusyError, match=r"`mlflow gc` has not ended in 0\.01 s; .*goes on with"):
        deleted_rows._mlflow("gc")
