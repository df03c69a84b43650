"""MLflow with a real store: a run for each pretraining, a row for each pipeline, in one place."""

import contextlib
import importlib
import json
import os
import shutil
import signal
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mlflow
import numpy as np
import pytest
from mlflow import environment_variables
from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

from tests.support.copies import enter_copy
from tests.support.plugins import of_modality
from tests.support.servers import refusing
from tests.support.used import pictures, save_models
from twinview.core.errors import BusyError, ConfigError, StoppedError, TrainingError
from twinview.core.files import flatten
from twinview.experiments import provenance
from twinview.models import probe
from twinview.tracking import columns, mlflow_runs, stores

# MLflow and what it stands on use much that will go; that is theirs to mend.
pytestmark = [
    pytest.mark.filterwarnings(f"ignore::{kind}")
    for kind in ("DeprecationWarning", "PendingDeprecationWarning", "FutureWarning")
]
SETTINGS = {"pretrain": {"epochs": 2, "seed": 0}, "methods": {"simclr": {"temperature": 0.2}}}
METRICS = {"linear.accuracy": 0.9, "versus.raw_pixels.linear.accuracy": 0.84}
DIGEST = "0123456789abcdef0123456789abcdef.dir"
LOCK = f"""
stages:
  prepare:
    params: {{params.yaml: {{data: {{source: fashion_mnist, train: 600}}}}}}
    outs:
    - {{path: data/prepared, hash: md5, md5: {DIGEST}, size: 9}}
    - {{path: reports/data/card.json, hash: md5, md5: "9999", size: 9}}
  views:
    deps:
    - {{path: data/prepared, hash: md5, md5: 88888888888888888888888888888888.dir}}
"""
CURVES = {10: {"loss": 3.0, "chance": 5.0}, 20: {"loss": 2.0, "chance": 5.0}}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's folder; its store is set up once, which takes seconds."""
    return tmp_path_factory.mktemp("project")


@pytest.fixture(autouse=True)
def folder(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """DVC's temporary copy of the project, which is the current folder as in an experiment."""
    copy = enter_copy(root, monkeypatch)
    yield copy
    assert list(copy.iterdir()) == [], "something was written into the copy"
    mlflow.set_tracking_uri(None)


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """Leaves out the encoder, which alone takes seconds; what would be logged."""
    given: list[tuple[Any, ...]] = []

    def log(*encoder: Any) -> str | None:
        given.append(encoder)
        return None

    monkeypatch.setattr(mlflow_runs, "_log_encoder", log)
    return given


def a_row(run_id: str = "unknown", **changes: Any) -> mlflow_runs.Row:
    pretrained = {"run_id": run_id, "verdict": "healthy", "seconds": 90.0}
    pretrained["examples_per_second"] = 4000
    own = {"settings": SETTINGS, "metrics": METRICS, "pretrained": pretrained, "curves": CURVES}
    own["name"] = "epochs 2"
    return mlflow_runs.Row(**own | {"encoder": ("encoder", "example")} | changes)


def publish(root: Path, run_id: str = "unknown", **changes: Any) -> Run:
    (root / "report.html").write_text("<p>page</p>")
    (root / "views.png").write_bytes(b"picture")
    changes["settings"] = SETTINGS | changes.get("settings", {})
    changes["files"] = {root / "report.html": "", root / "views.png": "pictures"}
    return mlflow.get_run(mlflow_runs.publish(a_row(run_id, **changes)))


def fail_to_publish(root: Path, monkeypatch: pytest.MonkeyPatch, **own: Any) -> None:
    """A row that is left unfinished: its encoder could not be logged."""
    with monkeypatch.context() as patch:
        patch.setattr(mlflow_runs, "_log_encoder", broken)
        with pytest.raises(ConnectionError):
            publish(root, **own)


@contextlib.contextmanager
def recorded_by_dvc(folder: Path) -> Iterator[None]:
    """A dvc.lock in the current folder, as DVC writes it after the stage prepare."""
    (folder / "dvc.lock").write_text(LOCK)
    yield
    (folder / "dvc.lock").unlink()


def pretraining(training: str = "") -> contextlib.AbstractContextManager[mlflow_runs.Run]:
    """One of its own, or the one of this name."""
    return mlflow_runs.pretraining(SETTINGS, training or uuid.uuid4().hex, "epochs 2")


def finished_pretraining() -> str:
    with pretraining() as run:
        run.log({"loss": 3.5}, 1)
        run.log({"loss": 2.5, "chance": 5.0}, 2)
        run.tag(verdict="healthy")
    return run.id


def history(run_id: str, name: str) -> list[tuple[int, float]]:
    return [(m.step, m.value) for m in mlflow.MlflowClient().get_metric_history(run_id, name)]


def runs(experiment: str) -> int:
    number = mlflow_runs._experiment(experiment)  # points mlflow to the store
    return len(mlflow.MlflowClient().search_runs([number]))


def test_a_pretraining_is_one_finished_run_with_settings_and_curves() -> None:
    before = runs(mlflow_runs.PRETRAINING)
    run = mlflow.get_run(finished_pretraining())
    assert runs(mlflow_runs.PRETRAINING) == before + 1 and run.info.status == "FINISHED"
    assert run.data.params == {
        "pretrain.epochs": "2",
        "pretrain.seed": "0",
        "methods.simclr.temperature": "0.2",
    }
    assert history(run.info.run_id, "loss") == [(1, 3.5), (2, 2.5)]
    assert run.data.tags["verdict"] == "healthy" and "twinview.commit" in run.data.tags


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (TrainingError("the loss is nan"), "FAILED"),
        (StoppedError("by SIGTERM"), "KILLED"),
        (KeyboardInterrupt("stopped"), "KILLED"),
    ],
)
def test_a_pretraining_that_breaks_off_is_a_failed_or_killed_run_with_the_reason(
    error: BaseException, status: str
) -> None:
    with pytest.raises(type(error)), pretraining() as run:
        raise error
    found = mlflow.get_run(run.id)
    assert found.info.status == status
    assert found.data.tags["failure"] == f"{type(error).__name__}: {error}"


def test_a_pretraining_that_was_stopped_goes_on_in_the_same_run() -> None:
    before = runs(mlflow_runs.PRETRAINING)
    with pytest.raises(StoppedError), pretraining("stopped") as run:
        raise StoppedError("by SIGTERM")
    with pretraining("stopped") as again:
        assert mlflow.get_run(run.id).info.status == "RUNNING"
    found = mlflow.get_run(run.id)
    assert again.id == run.id and runs(mlflow_runs.PRETRAINING) == before + 1
    assert found.info.status == "FINISHED" and "failure" not in found.data.tags


def test_a_curve_that_is_told_again_has_each_step_once() -> None:
    with pretraining("curve") as run:
        run.log({"loss": 3.0}, 10)
        run.log({"rank": 3.0}, 15)
    with pretraining("curve") as again:
        for step in (5, 10, 15, 20):
            again.log({"loss": 2.0, "rank": 4.0}, step)
    assert history(run.id, "loss") == [(10, 3.0), (20, 2.0)]
    assert history(run.id, "rank") == [(15, 3.0), (20, 4.0)]


def test_a_killed_run_gets_the_settings_that_it_lacks_and_keeps_those_that_it_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(mlflow.MlflowClient, "log_batch", broken)
        with pytest.raises(ConnectionError):
            pretraining("bare").__enter__()
    with pretraining("bare") as run:
        pass
    with mlflow_runs.pretraining(SETTINGS | {"data": {"seed": 1}}, "bare", "") as again:
        pass
    assert again.id == run.id
    found = mlflow.get_run(run.id).data.params
    assert found["pretrain.epochs"] == "2" and found["data.seed"] == "1"
    with mlflow_runs.pretraining({"pretrain": {"epochs": 3}}, "bare", ""):
        pass
    assert mlflow.get_run(run.id).data.params["pretrain.epochs"] == "2"


def broken(*given: Any, **more: Any) -> None:
    raise ConnectionError


def test_a_database_whose_making_was_killed_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    path = tmp_path / "elsewhere/own.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{path}")

    def die(*given: Any) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    if not (child := os.fork()):
        mlflow.store.db.utils._upgrade_db = die  # its tables are there, its columns are not
        with contextlib.suppress(BaseException):
            mlflow_runs._make_database()
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert len(list(path.parent.glob(".own.db.*"))) >= 1 and not path.exists()
    mlflow_runs._make_database()
    assert [p.name for p in path.parent.iterdir()] == ["own.db"]
    SqlAlchemyStore(f"sqlite:///{path}", "unused")._dispose_engine()
    shutil.rmtree(path.parent)


def test_a_run_has_the_name_that_it_is_given_and_dvc_s_in_a_tag(
    logged: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_EXP_NAME", "lousy-newt")
    for run_id in (finished_pretraining(), mlflow_runs.publish(a_row())):
        run = mlflow.get_run(run_id)
        assert run.info.run_name == "epochs 2"
        assert run.data.tags["twinview.experiment"] == "lousy-newt"


def test_values_that_the_store_refuses_are_warned_of_once_and_outlived() -> None:
    with pretraining() as run:
        own = mlflow_runs.Run("0" * 32)
        with pytest.warns(UserWarning, match="MLflow did not take a value"):
            own.log({"loss": 1.0}, 1)
        own.log({"loss": 1.0}, 2)  # a second warning would be an error
        own.tag(verdict="slow")
    assert mlflow.get_run(run.id).info.status == "FINISHED"


def test_a_pipeline_is_one_row_with_settings_metrics_and_the_page(
    root: Path, logged: list[tuple[Any, ...]]
) -> None:
    before = runs(mlflow_runs.PIPELINE)
    row = publish(root, finished_pretraining())
    assert runs(mlflow_runs.PIPELINE) == before + 1 and row.info.status == "FINISHED"
    cost = {"pretrain.minutes": 1.5, "pretrain.examples_per_second": 4000}
    assert row.data.metrics == METRICS | cost
    assert row.data.params["methods.simclr.temperature"] == "0.2" and len(row.data.params) == 3
    assert logged == [("encoder", "example")]
    page = mlflow.artifacts.load_text(f"runs:/{row.info.run_id}/report.html")
    assert page == "<p>page</p>"
    pictures = mlflow.MlflowClient().list_artifacts(row.info.run_id, "pictures")
    assert [picture.path for picture in pictures] == ["pictures/views.png"]


def test_mlflow_s_pages_open_in_our_view(root: Path, logged: list[tuple[Any, ...]]) -> None:
    experiment = publish(root).info.experiment_id
    assert mlflow_runs.page_address() == (
        f"/#/experiments/{experiment}/runs?workflowType=machine_learning&viewStateShareKey=twinview"
    )


def test_without_a_store_mlflow_s_pages_open_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/none.db")
    assert mlflow_runs.page_address() == "" and not list(tmp_path.glob("*.db"))


def test_artifacts_and_store_lie_under_the_project_s_folder(
    root: Path, logged: list[tuple[Any, ...]]
) -> None:
    row = publish(root)
    artifacts = root / f"mlartifacts/twinview/{row.info.run_id}/artifacts"
    assert row.info.artifact_uri == artifacts.as_uri()
    assert (artifacts / "report.html").is_file()
    assert (root / "mlflow.db").is_file()


def test_a_row_is_linked_to_the_run_that_pretrained_it(
    root: Path, logged: list[tuple[Any, ...]]
) -> None:
    run_id = finished_pretraining()
    row = publish(root, run_id)
    assert row.data.tags["pretrain.run_id"] == run_id
    assert row.data.tags["pretrain.run_in_store"] == "true"
    assert row.data.tags["pretrain.verdict"] == "healthy"
    assert "loss" not in row.data.metrics
    trained = mlflow.get_run(run_id).info
    address = f"(#/experiments/{trained.experiment_id}/runs/{run_id})"
    assert address in row.data.tags["mlflow.note.content"]


def test_curves_of_a_run_that_the_store_does_not_know_are_replayed(
    root: Path, logged: list[tuple[Any, ...]]
) -> None:
    row = publish(root, "unknown")
    assert row.data.tags["pretrain.run_in_store"] == "false"
    assert history(row.info.run_id, "loss") == [(10, 3.0), (20, 2.0)]
    assert row.data.metrics["linear.accuracy"] == 0.9


def test_the_same_results_again_are_tagged_as_a_duplicate(
    root: Path, logged: list[tuple[Any, ...]]
) -> None:
    own = {"settings": {"data": {"seed": 17}}}
    first, again = publish(root, **own), publish(root, **own)
    assert "duplicate_of" not in first.data.tags
    assert again.data.tags["duplicate_of"] == first.info.run_id
    third = publish(root, **own)
    assert third.data.tags["duplicate_of"] in (first.info.run_id, again.info.run_id)


def test_a_row_whose_publishing_failed_or_was_killed_is_gone_on_with(
    root: Path, logged: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    own, before = {"settings": {"data": {"seed": 18}}}, runs(mlflow_runs.PIPELINE)
    fail_to_publish(root, monkeypatch, **own)
    row = publish(root, **own)
    assert runs(mlflow_runs.PIPELINE) == before + 1
    assert row.info.status == "FINISHED" and "linear.accuracy" in row.data.metrics
    assert "duplicate_of" not in row.data.tags


def test_another_experiment_s_row_that_is_being_written_is_left_alone(
    root: Path, logged: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    own, before = {"settings": {"data": {"seed": 19}}}, runs(mlflow_runs.PIPELINE)
    fail_to_publish(root, monkeypatch, **own)
    monkeypatch.setenv("DVC_EXP_NAME", "other")
    assert publish(root, **own).data.tags["twinview.experiment"] == "other"
    assert runs(mlflow_runs.PIPELINE) == before + 2


def test_runs_and_rows_have_the_data_as_an_input_by_dvc_s_checksum(
    root: Path, folder: Path, logged: list[tuple[Any, ...]]
) -> None:
    with recorded_by_dvc(folder):
        trained = mlflow.get_run(finished_pretraining())
        row = publish(root, trained.info.run_id)
    for run in (trained, row):
        [given] = run.inputs.dataset_inputs
        assert (given.dataset.name, given.dataset.digest) == ("fashion_mnist", DIGEST)
        tags = run.data.tags
        assert (tags["data.source"], tags["data.digest"]) == ("fashion_mnist", DIGEST[:7])


def test_without_dvc_s_record_no_data_is_named(root: Path, logged: list[tuple[Any, ...]]) -> None:
    assert publish(root).inputs.dataset_inputs == []


def test_runs_say_whence_they_are_where_mlflow_s_columns_look(
    root: Path, logged: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_EXP_BASELINE_REV", "f" * 40)
    trained = mlflow.get_run(finished_pretraining())
    row = publish(root, trained.info.run_id)
    for run, source in ((trained, "pipeline/pretrain.py"), (row, "dvc.yaml")):
        assert run.data.tags["mlflow.source.git.commit"] == "f" * 40
        assert run.data.tags["mlflow.source.name"] == source


def test_what_git_could_not_tell_is_unknown_and_no_commit_of_mlflow_s(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(provenance, "commit", lambda: "unknown (git: it refuses)")
    monkeypatch.setattr(provenance, "has_changes", lambda: None)
    tags = mlflow_runs._provenance(mlflow_runs.PIPELINE)
    assert tags["twinview.commit"] == "unknown (git: it refuses)"
    assert tags["twinview.changed"] == "unknown"
    assert "unknown" not in tags.get("mlflow.source.git.commit", "")


def test_an_experiment_opens_with_columns_that_its_runs_have(
    root: Path, folder: Path, logged: list[tuple[Any, ...]]
) -> None:
    settings = {"pretrain": {"method": "simclr", "epochs": 2, "seed": 0}}
    settings["data"] = {"source": "fashion_mnist"}
    values = ("loss", "validation_knn", "effective_rank", "examples_per_second")
    shown = {"metrics": METRICS | {"knn.accuracy": 0.8}}
    shown["compared"] = ["linear.accuracy", "knn.accuracy"]
    with recorded_by_dvc(folder):
        with mlflow_runs.pretraining(settings, "columns", "") as run:
            run.log(dict.fromkeys(values, 0.5), 1)
            run.tag(verdict="healthy", failure="none")
        row = publish(root, run.id, settings=settings, **shown)
    for found in (row, mlflow.get_run(run.id)):
        tags = mlflow.get_experiment(found.info.experiment_id).tags
        assert tags["mlflow.note.content"].startswith("One r")
        view = json.loads(tags[columns.TAG])
        shown = [name.removesuffix("`").split(".`") for name in view["selectedColumns"]]
        missing = [
            key
            for kind, key in shown
            if kind != "attributes" and key not in getattr(found.data, kind)
        ]
        assert len(shown) >= 10 and missing == []


def test_a_row_brings_its_columns_to_an_experiment_of_an_earlier_version(
    root: Path, logged: list[tuple[Any, ...]]
) -> None:
    experiment = mlflow_runs._experiment(mlflow_runs.PIPELINE)
    mlflow.MlflowClient().set_experiment_tag(experiment, columns.TAG, "{}")
    publish(root)
    assert "data.digest" in mlflow.get_experiment(experiment).tags[columns.TAG]


def test_a_row_has_all_our_metrics_and_last_the_baselines_that_they_are_compared_with() -> None:
    ours = {"linear": {"accuracy": 0.9, "f1": 0.8}, "propagated_10": {"accuracy": 0.7}}
    names = ("pca_64", "raw_pixels", "random_encoder")
    found = mlflow_runs.row_metrics(ours, dict.fromkeys(names, ours), ["linear.accuracy"])
    assert found.pop("versus.raw_pixels.linear.accuracy") == 0.9
    assert found == flatten(ours) and max(*found, "pretrain.minutes") < "versus"


@pytest.mark.parametrize("changes", [{"metrics": {"a": 0.1}}, {"settings": {"data": {"seed": 3}}}])
def test_other_results_or_settings_are_no_duplicate(
    changes: dict[str, Any], root: Path, logged: list[tuple[Any, ...]]
) -> None:
    publish(root)
    assert "duplicate_of" not in publish(root, **changes).data.tags


def test_long_settings_are_cut_and_not_refused(root: Path, logged: list[tuple[Any, ...]]) -> None:
    row = publish(root, settings={"views": {"chain": ["x" * 100] * 100}})
    assert len(row.data.params["views.chain"]) == 6000


@pytest.mark.parametrize("labelled", [True, False])
def test_the_row_s_model_declares_labels_if_there_is_a_probe(
    labelled: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_models(tmp_path)
    if not labelled:
        probe.save_none(tmp_path / "probe", probe.NoProbe("the data have no labels"))
    given: dict[str, Any] = {}
    folders = [tmp_path / name for name in ("encoder", "embedder", "probe")]

    def log(**options: Any) -> SimpleNamespace:
        given.update(options)
        return SimpleNamespace(model_id="m-1")

    # The attribute mlflow.pyfunc may still be a proxy that loads the module.
    monkeypatch.setattr(importlib.import_module("mlflow.pyfunc"), "log_model", log)
    assert mlflow_runs._log_encoder(*folders, pictures(2)) == "m-1"
    columns = ["label", "probabilities"] if labelled else []
    assert given["signature"].outputs.input_names() == ["features", *columns]


@pytest.mark.parametrize("name", of_modality("encoders", "image"))
def test_the_row_s_model_answers_as_encoder_and_probe_do(
    name: str,
    root: Path,
    folder: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))  # MLflow adds the model's code
    models = tmp_path_factory.mktemp("models")
    own, example = save_models(models, name), pictures(4)
    folders = (models / "encoder", models / "embedder", models / "probe")
    with recorded_by_dvc(folder):
        row_id = mlflow_runs.publish(a_row(encoder=(*folders, example)))
    (output,) = mlflow.get_run(row_id).outputs.model_outputs
    told = {metric.key: metric for metric in mlflow.get_logged_model(output.model_id).metrics}
    assert {name: told[name].value for name in METRICS} == METRICS
    assert told["linear.accuracy"].dataset_digest == DIGEST
    loaded = mlflow.pyfunc.load_model(f"models:/{output.model_id}")
    said = loaded.predict(example.numpy())
    features = own.features(example)
    assert np.allclose(np.stack(said["features"]), features, atol=1e-5)
    assert own.probe is not None
    expected = own.probe.probabilities(features)
    assert said["label"].tolist() == [own.probe.classes[k] for k in expected.argmax(1)]
    assert np.allclose([list(of.values()) for of in said["probabilities"]], expected, atol=1e-5)
    with pytest.raises(MlflowException, match="This model takes"):
        loaded.predict(example.numpy()[..., 1:])
    info = loaded.metadata
    assert "uint8 (n, 1, 12, 12)" in info.metadata["takes"] and info.saved_input_example_info
    (made,) = (root / "mlartifacts").rglob(output.model_id)
    kinds = {path.name.rpartition(".")[2] for path in made.rglob("*") if path.is_file()}
    assert kinds <= {"py", "json", "yaml", "txt", "safetensors", "MLmodel", "registered_model_meta"}


@pytest.mark.parametrize("library", ["timm", "torchvision", None])
def test_the_model_needs_the_library_that_its_network_is_of(
    library: str | None, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = tmp_path_factory.mktemp("encoder")
    options = {"library": library} if library else {}
    (encoder / "encoder.json").write_text(json.dumps({"options": options}))
    monkeypatch.setattr(mlflow_runs, "version", lambda name: "1.0")
    found = mlflow_runs._requirements(encoder)
    assert set(found) == {f"{name}==1.0" for name in (*mlflow_runs._NEEDED, library) if name}
    assert len(found) == len(set(found))


def test_a_store_of_one_s_own_is_used(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000")
    assert stores.store() == "http://127.0.0.1:5000"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///own/a.db")
    assert stores.store() == f"sqlite:///{root}/own/a.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:////elsewhere/a.db")
    assert stores.store() == "sqlite:////elsewhere/a.db"


def test_a_server_that_is_down_is_said_so_within_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "MLFLOW_HTTP_REQUEST_TIMEOUT"):
        monkeypatch.setenv(name, os.environ.get(name, "set by tracking"))
        monkeypatch.delenv(name)
    started = time.monotonic()
    with refusing() as port:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
        said = rf"127\.0\.0\.1:{port} does not answer .*; start it"
        with pytest.raises(BusyError, match=said), pretraining():
            pytest.fail("went on")
    assert time.monotonic() - started < 100, "some 5; by MLflow's own settings, minutes"


def test_a_database_that_is_none_is_said_so(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "broken.db").write_text("no database" * 100)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///broken.db")
    said = r"broken\.db does not answer .*moved away"
    with pytest.raises(BusyError, match=said), pretraining():
        pytest.fail("went on")
    with pytest.raises(BusyError, match=said):
        mlflow_runs.page_address()


@pytest.mark.parametrize("name", [mlflow_runs.PRETRAINING, mlflow_runs.PIPELINE])
def test_an_experiment_that_was_deleted_is_named_with_what_restores_it(name: str) -> None:
    number = mlflow_runs._experiment(name)
    mlflow.delete_experiment(number)
    said = f"experiment {name} was deleted .*experiments restore --experiment-id {number}` brings"
    with pytest.raises(ConfigError, match=said):
        pretraining().__enter__() if name == mlflow_runs.PRETRAINING else mlflow_runs.publish(
            a_row()
        )
    mlflow.MlflowClient().restore_experiment(number)


def test_a_store_that_refuses_a_run_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*given: Any, **more: Any) -> None:
        raise MlflowException("the run is not active")

    monkeypatch.setattr(mlflow.MlflowClient, "search_runs", refuse)
    with pytest.raises(BusyError, match=r"refuses \(the run is not active\)"), pretraining():
        pytest.fail("went on")
    with pytest.raises(BusyError, match=r"refuses \(the run is not active\)"):
        mlflow_runs.publish(a_row())


def test_a_password_in_the_store_s_address_is_told_to_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.delenv("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", raising=False)
    with refusing() as port:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://me:secret@127.0.0.1:{port}")
        assert mlflow_runs.display_address() == f"http://***@127.0.0.1:{port}"
        said = rf"http://\*\*\*@127\.0\.0\.1:{port} does not"
        with pytest.raises(BusyError, match=said) as caught:
            mlflow_runs.connect()
    assert "secret" not in str(caught.value)
    assert environment_variables.MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT.get()
    assert mlflow_runs.mask_passwords("sqlite:////a/b@c.db, https://x/a@b") == (
        "sqlite:////a/b@c.db, https://x/a@b"
    )
