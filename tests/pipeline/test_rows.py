"""One experiment, one row: whole pipelines in one project, and what MLflow's store has of them."""

import contextlib
import json
import re
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow
import pytest
from mlflow.entities import Run
from ruamel.yaml import YAML

from pipeline.publish import SECTIONS
from tests.support.commands import end_all, started
from tests.support.killed import SETTINGS, Copy
from tests.support.servers import free_port, wait_for
from tests.support.workspace import make_workspace, tiny_params
from twinview.core.files import flatten
from twinview.learning import collapse
from twinview.settings import params
from twinview.tracking import mlflow_runs

pytestmark = pytest.mark.slow

CHEAP = SETTINGS | {
    "baselines": {"supervised": False},
    "tasks": {name: {"per_class": [5], "draws": 2} for name in ("few_labels", "propagation")},
}
LIVE = {"loss", "chance", "learning_rate", "examples_per_second", "validation_knn", "negatives"}
LIVE |= set(collapse.Measures.__annotations__)
DOWNSTREAM = "tasks.few_labels.seed=1"


class Project(Copy):
    """A project, and what its own store (or that of a server) has of it."""

    def store(self) -> str:
        return self.environment.get("MLFLOW_TRACKING_URI") or f"sqlite:///{self.folder}/mlflow.db"

    def client(self) -> mlflow.MlflowClient:
        return mlflow.MlflowClient(tracking_uri=self.store())

    def runs(self, experiment: str) -> dict[str, Run]:
        """By their ids, the oldest first."""
        client = self.client()
        found = client.get_experiment_by_name(experiment)
        if found is None:
            return {}
        runs = client.search_runs([found.experiment_id], order_by=["start_time ASC"])
        return {run.info.run_id: run for run in runs}

    @contextlib.contextmanager
    def makes(self, rows: int, trainings: int) -> Iterator[tuple[list[Run], list[Run]]]:
        """The rows and the trainings that are new after the block, when it has ended."""
        kinds = (mlflow_runs.PIPELINE, mlflow_runs.PRETRAINING)
        before = [self.runs(kind) for kind in kinds]
        new: tuple[list[Run], list[Run]] = ([], [])
        yield new
        for kind, old, found in zip(kinds, before, new, strict=True):
            found += [run for name, run in self.runs(kind).items() if name not in old]
        assert (len(new[0]), len(new[1])) == (rows, trainings)

    def json(self, path: str) -> Any:
        return json.loads((self.folder / path).read_text())

    def head(self) -> str:
        return self.done("git", "rev-parse", "HEAD").strip()

    def curve(self, run: Run, name: str) -> list[int]:
        """The steps that it has values of."""
        history = self.client().get_metric_history(run.info.run_id, name)
        return [metric.step for metric in history]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Committed, nothing run yet. The tests run in it one after the other."""
    folder = tmp_path_factory.mktemp("rows") / "project"
    made = Project(folder, make_workspace(folder, tiny_params(CHEAP)))
    yield made
    end_all(made.folder)  # the workers of the queue
    mlflow.set_tracking_uri(None)


@pytest.fixture(scope="module")
def first(project: Project) -> tuple[Run, Run]:
    """The row and the training of a plain `dvc repro`, whose results are committed."""
    commit = project.head()
    with project.makes(rows=1, trainings=1) as (rows, trainings):
        project.done("dvc", "repro")
    assert rows[0].data.tags["twinview.commit"] == commit
    project.done("git", "add", "-A")
    project.done("git", "commit", "-qm", "results")
    return rows[0], trainings[0]


@pytest.fixture(scope="module")
def side(project: Project, first: tuple[Run, Run]) -> tuple[Run, Run]:
    """Of an experiment in a temporary copy, killed in its training and run again."""
    command = (
        "dvc",
        "exp",
        "run",
        "--temp",
        "--name",
        "side",
        "-S",
        "pretrain.learning_rate=0.006",
    )
    known = project.runs(mlflow_runs.PRETRAINING)
    with project.makes(rows=1, trainings=1) as (rows, trainings):
        killed = project.run(*command, kill="step-000000012.safetensors group SIGKILL")
        assert killed.returncode == -signal.SIGKILL
        [begun] = (
            run for name, run in project.runs(mlflow_runs.PRETRAINING).items() if name not in known
        )
        assert max(project.curve(begun, "loss")) >= 8, "the store has the curve while it grows"
        assert "goes on after step 8 of 18" in project.done(*command)
    return rows[0], trainings[0]


def test_a_plain_repro_is_a_row_with_every_setting_metric_and_the_data(
    project: Project, first: tuple[Run, Run]
) -> None:
    row, trained = first
    assert set(SECTIONS) == set(params.Params.model_fields) - {"gate"}
    settings = params.load(project.folder / "params.yaml").chosen(*SECTIONS)
    assert row.data.params == {name: str(value) for name, value in flatten(settings).items()}
    reports = (project.json(f"reports/{name}.json") for name in ("metrics", "baselines"))
    metrics = mlflow_runs.row_metrics(*reports, ["linear.accuracy", "knn.accuracy"])
    assert {name: row.data.metrics[name] for name in metrics} == pytest.approx(metrics)
    assert set(row.data.metrics) - set(metrics) == {
        "pretrain.minutes",
        "pretrain.examples_per_second",
    }
    name = f"simclr, {row.data.tags['twinview.commit'][:7]}, seed 0"
    assert row.info.run_name == name and row.data.tags["twinview.experiment"] == ""
    lock = YAML(typ="safe").load((project.folder / "dvc.lock").read_text())
    prepared = {out["path"]: out["md5"] for out in lock["stages"]["prepare"]["outs"]}
    for run in first:
        [given] = run.inputs.dataset_inputs
        assert given.dataset.name == "fashion_mnist"
        assert given.dataset.digest == prepared["data/prepared"]
    assert trained.info.run_id == project.json("models/pretrain_run.json")["run_id"]


def test_a_row_has_page_pictures_and_an_encoder_with_the_metrics(
    project: Project, first: tuple[Run, Run]
) -> None:
    row, client = first[0], project.client()
    paths = [file.path for file in client.list_artifacts(row.info.run_id)]
    assert {"report.html", "evaluation.json", "baselines.json", "card.json"} <= set(paths)
    pictures = {file.path for file in client.list_artifacts(row.info.run_id, "pictures")}
    assert pictures == {"pictures/views.png", "pictures/contact_sheet.png"}
    [output] = row.outputs.model_outputs
    model = client.get_logged_model(output.model_id)
    told = {metric.key: metric for metric in model.metrics}
    assert told["linear.accuracy"].value == row.data.metrics["linear.accuracy"]
    assert told["linear.accuracy"].dataset_digest == row.inputs.dataset_inputs[0].dataset.digest


def test_a_training_has_live_curves(project: Project, first: tuple[Run, Run]) -> None:
    trained = first[1]
    assert set(trained.data.metrics) == LIVE
    assert project.curve(trained, "loss") == project.curve(trained, "examples_per_second")
    assert project.curve(trained, "loss") == list(range(1, 19))
    assert project.curve(trained, "validation_knn") == [9, 18]
    told = [m.timestamp for m in project.client().get_metric_history(trained.info.run_id, "loss")]
    assert trained.info.start_time <= told[0] < told[-1] <= trained.info.end_time
    assert told == sorted(told), "not all at the end"


def test_a_second_repro_makes_no_row(project: Project, first: tuple[Run, Run]) -> None:
    with project.makes(rows=0, trainings=0):
        project.done("dvc", "repro")


def test_an_experiment_that_was_killed_and_run_again_is_one_row_and_one_training(
    project: Project, side: tuple[Run, Run]
) -> None:
    row, trained = side
    for run in side:
        assert (run.info.run_name, run.info.status) == ("learning_rate 0.006", "FINISHED")
        assert run.data.tags["twinview.experiment"] == "side"
        assert run.data.tags["twinview.commit"] == project.head()
        assert run.data.tags["mlflow.source.git.commit"] == project.head()
        assert run.data.params["pretrain.learning_rate"] == "0.006"
    assert row.data.tags["pretrain.run_id"] == trained.info.run_id
    assert project.curve(trained, "loss") == list(range(1, 19))


def test_artifacts_of_a_temporary_copy_outlive_it(project: Project, side: tuple[Run, Run]) -> None:
    folder = project.folder / f"mlartifacts/twinview/{side[0].info.run_id}/artifacts"
    assert side[0].info.artifact_uri == folder.as_uri()
    assert (folder / "report.html").stat().st_size > 10_000


def test_all_from_the_run_cache_is_a_row_that_says_so(
    project: Project, side: tuple[Run, Run]
) -> None:
    command = ("dvc", "exp", "run", "--temp", "--name", "again")
    with project.makes(rows=1, trainings=0) as (rows, _):
        project.done(*command, "-S", "pretrain.learning_rate=0.006")
    tags = rows[0].data.tags
    assert tags["duplicate_of"] == side[0].info.run_id and tags["twinview.experiment"] == "again"
    assert tags["pretrain.run_id"] == side[1].info.run_id
    assert rows[0].data.metrics == side[0].data.metrics


def test_a_downstream_knob_makes_a_row_linked_to_the_run_that_trained(
    project: Project, first: tuple[Run, Run]
) -> None:
    with project.makes(rows=1, trainings=0) as (rows, _):
        project.done("dvc", "exp", "run", "--name", "other", "-S", DOWNSTREAM)
    row, tags = rows[0], rows[0].data.tags
    assert (row.info.run_name, tags["twinview.experiment"]) == ("seed 1", "other")
    assert tags["pretrain.run_id"] == first[1].info.run_id and "duplicate_of" not in tags
    assert row.data.params["tasks.few_labels.seed"] == "1"
    project.done("git", "checkout", "--", "params.yaml", "dvc.lock", "reports")
    project.done("dvc", "checkout", "--force")


def test_two_workers_of_a_queue_make_a_row_each(project: Project, first: tuple[Run, Run]) -> None:
    with project.makes(rows=2, trainings=2) as (rows, trainings):
        project.done("dvc", "exp", "run", "--queue", "-S", "pretrain.learning_rate=0.004,0.005")
        project.done("dvc", "queue", "start", "--jobs", "2")
        wait_for_the_queue(project)
    rates = {run.info.run_id: run.data.params["pretrain.learning_rate"] for run in trainings}
    assert sorted(rates.values()) == ["0.004", "0.005"]
    for row in rows:
        rate = row.data.params["pretrain.learning_rate"]
        assert rates[row.data.tags["pretrain.run_id"]] == rate and row.info.status == "FINISHED"
    names = {row.info.run_name for row in rows}
    assert names == {run.info.run_name for run in trainings}
    assert names == {"learning_rate 0.004", "learning_rate 0.005"}
    experiments = {row.data.tags["twinview.experiment"] for row in rows}
    assert experiments <= set(project.done("dvc", "exp", "list", "--name-only").split())


def wait_for_the_queue(project: Project) -> None:
    for _ in range(300):
        told = project.done("dvc", "queue", "status")
        assert "Failed" not in told, told
        if not re.search(r"Queued|Running", told.partition("Worker status")[0]):
            return
        time.sleep(2)
    pytest.fail(told)


def test_a_pretraining_that_fails_is_a_failed_run_with_the_reason_and_no_row(
    project: Project, first: tuple[Run, Run]
) -> None:
    command = ("dvc", "exp", "run", "--temp", "--name", "wild")
    with project.makes(rows=0, trainings=1) as (_, trainings):
        assert project.run(*command, "-S", "pretrain.learning_rate=1e30").returncode != 0
    failed = trainings[0]
    assert failed.info.status == "FAILED" and failed.info.run_name.startswith("learning_rate 1")
    assert failed.data.tags["failure"].startswith("TrainingError: ")


def test_a_later_stage_that_fails_makes_no_row(project: Project, first: tuple[Run, Run]) -> None:
    script = project.folder / "pipeline/report.py"
    whole = script.read_text()
    script.write_text(f"{whole}\nraise SystemExit('broken')\n")
    try:
        with project.makes(rows=0, trainings=0):
            assert project.run("dvc", "repro").returncode != 0
    finally:
        script.write_text(whole)
        project.done("dvc", "checkout", "--force")


@pytest.fixture
def served(project: Project, first: tuple[Run, Run], tmp_path: Path) -> Iterator[Project]:
    """The same project with a server of MLflow's as its store."""
    port = free_port()
    options = {"--host": "127.0.0.1", "--port": str(port), "--workers": "1"}
    options["--backend-store-uri"] = f"sqlite:///{tmp_path}/server.db"
    options["--artifacts-destination"] = str(tmp_path / "artifacts")
    words = [word for option in options.items() for word in option]
    command = [sys.executable, "-m", "mlflow", "server", *words]
    environment = project.environment | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with (
        (tmp_path / "log").open("w") as log,
        started(*command, cwd=tmp_path, env=environment, stdout=log, stderr=log) as process,
    ):
        url = f"http://127.0.0.1:{port}"
        wait_for(f"{url}/health", process)
        yield Project(project.folder, project.environment | {"MLFLOW_TRACKING_URI": url})


def test_a_server_gets_row_training_and_artifacts_and_the_own_store_nothing(
    project: Project, served: Project
) -> None:
    command = ("dvc", "exp", "run", "--temp", "--name", "served")
    with (
        project.makes(rows=0, trainings=0),
        served.makes(rows=1, trainings=1) as (rows, trainings),
    ):
        served.done(*command, "-S", "pretrain.learning_rate=0.007")
    assert rows[0].data.tags["pretrain.run_id"] == trainings[0].info.run_id
    assert rows[0].data.tags["pretrain.run_in_store"] == "true"
    page = served.client().download_artifacts(rows[0].info.run_id, "report.html")
    assert Path(page).stat().st_size > 10_000 and len(rows[0].outputs.model_outputs) == 1
    # The store of a colleague: it has not seen the training, and the row tells its curve.
    with served.makes(rows=1, trainings=0) as (rows, _):
        served.done("dvc", "exp", "run", "--temp", "--name", "cached", "-S", DOWNSTREAM)
    assert rows[0].data.tags["pretrain.run_in_store"] == "false"
    assert served.curve(rows[0], "loss") == list(range(1, 19))
