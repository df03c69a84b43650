"""MLflow: one run for each real pretraining, one row for each executed pipeline.

This module, stores, release.champions and serving are the only ones that import mlflow, and only
inside functions, since mlflow takes seconds to load.
"""

import contextlib
import hashlib
import json
import logging
import os
import re
import shutil
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from twinview.core import locks, paths
from twinview.core.errors import BusyError, ConfigError, StoppedError
from twinview.core.files import atomic_file, flatten, load_json
from twinview.core.paths import root
from twinview.experiments import provenance
from twinview.experiments.metric_names import BESIDE
from twinview.tracking import columns, stores
from twinview.tracking.stores import store

PIPELINE = "twinview"
PRETRAINING = "twinview-pretrain"
# The source that MLflow shows for a run, and the tags that a new experiment gets.
_SOURCES = {PIPELINE: "dvc.yaml", PRETRAINING: "pipeline/pretrain.py"}
_EXPERIMENT_TAGS = {PIPELINE: columns.of_rows, PRETRAINING: columns.of_trainings}


_DIGITS = 7  # of a checksum, as many as git shows
# Packages that every served model imports.
_NEEDED = (
    "annotated-types", "mlflow", "numpy", "pandas", "pillow", "pydantic", "safetensors", "torch",
    "torchvision",
)  # fmt: skip


def row_metrics(
    ours: Mapping[str, Any], baselines: Mapping[str, Any], compared: Sequence[str]
) -> dict[str, float]:
    """The metrics of a row: all of reports/metrics.json, and a few of reports/baselines.json.

    The names of the baselines' metrics begin with "versus", so that they come last in MLflow's
    charts. compared: which metrics of each baseline.
    """
    theirs = flatten(baselines)
    names = [f"{baseline}.{metric}" for baseline in BESIDE for metric in compared]
    return flatten(ours) | {f"versus.{name}": theirs[name] for name in names if name in theirs}


def display_address() -> str:
    """The store's address, as it may be printed."""
    return mask_passwords(store())


def mask_passwords(text: str) -> str:
    """The text; *** replaces the users and passwords of addresses in it."""
    return re.sub(r"://[^/\s]*@", "://***@", text)


def restore_command(experiment: int | str) -> str:
    """A clause with the command that restores an experiment deleted in MLflow's pages."""
    where = f"MLFLOW_DISABLE_TELEMETRY=true MLFLOW_TRACKING_URI={display_address()}"
    return f"`{where} mlflow experiments restore --experiment-id {experiment}` brings it back"


@contextlib.contextmanager
def _report_store_errors() -> Iterator[None]:
    """Raises BusyError when the store does not answer or refuses, or when it is no MLflow store."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (MlflowException, SQLAlchemyError) as error:
        reason = mask_passwords(str(error).splitlines()[0])
        raise BusyError(
            f"the MLflow store {display_address()} does not answer or refuses ({reason}); "
            "start it, or unset MLFLOW_TRACKING_URI to use mlflow.db; a broken mlflow.db can be "
            "moved away"
        ) from error


def renew_addresses() -> None:
    """Renews the database's addresses under the lock; see stores.renew_addresses."""
    with _setup_lock():
        stores.renew_addresses(_EXPERIMENT_TAGS)


@contextlib.contextmanager
def _setup_lock() -> Iterator[None]:
    """Lets one process at a time set up the store; two at once break a database for good."""
    with locks.file_lock(root() / paths.SCRATCH / "mlflow.init.lock", lambda holder: None):
        yield


@_report_store_errors()
def page_address() -> str:
    """The path of our view of the rows, to follow a server's address; "" without a store."""
    import mlflow

    file = stores.database()
    if file is None or not file.exists():
        return ""
    experiment = mlflow.MlflowClient(tracking_uri=store()).get_experiment_by_name(PIPELINE)
    renew_addresses()
    return columns.address(experiment.experiment_id) if experiment else ""


@dataclass
class Run:
    """An open MLflow run. A failed log call warns once instead of raising, so training survives.

    last: the last step of the curve. A resumed training computes some steps again, equal to the
    bit; they are not logged again, so that the curve has each step once.
    """

    id: str
    last: int = 0
    _warned: bool = False

    def log(self, values: Mapping[str, float], step: int) -> None:
        """Logs metrics at a step, in one call; does nothing at a step that the curve has."""
        import mlflow

        if step > self.last:
            with self._warning():
                mlflow.log_metrics(dict(values), step=step, run_id=self.id)
                self.last = step

    def tag(self, **tags: str) -> None:
        """Sets tags of the run."""
        import mlflow

        with self._warning():
            for key, value in tags.items():
                mlflow.MlflowClient().set_tag(self.id, key, value)

    @contextlib.contextmanager
    def _warning(self) -> Iterator[None]:
        from mlflow.exceptions import MlflowException

        try:
            yield
        except (MlflowException, OSError) as error:
            if not self._warned:
                reason = mask_passwords(str(error))
                warnings.warn(f"MLflow did not take a value ({reason}); going on", stacklevel=3)
            self._warned = True


@dataclass(frozen=True)
class Row:
    """What a row of the experiment twinview shows.

    Parameters
    ----------
    name : see run_names.
    settings, metrics : as the row's columns show them.
    pretrained : the content of models/pretrain_run.json.
    curves : metrics by step; they are logged if the store does not know the pretraining run.
    encoder : the folders of encoder, embedder and probe, and as an input example some pictures, or
        a list of texts.
    files : each file with its folder among the row's artifacts, "" for the top folder.
    compared : the metrics that the table of rows shows at first.
    """

    name: str
    settings: Mapping[str, Any]
    metrics: Mapping[str, float]
    pretrained: Mapping[str, Any]
    curves: Mapping[int, Mapping[str, float]]
    encoder: tuple[Path, Path, Path, Any]
    files: Mapping[Path, str] = field(default_factory=dict)
    compared: Sequence[str] = ()

    def fingerprint(self) -> str:
        """A hash that is equal for equal settings and results."""
        content = json.dumps([self.settings, self.metrics])
        return hashlib.sha256(content.encode()).hexdigest()[:16]


@contextlib.contextmanager
def pretraining(settings: Mapping[str, Any], training: str, name: str) -> Iterator[Run]:
    """The run of a training in the experiment twinview-pretrain; an interrupted run is continued.

    A run ends as KILLED if the training was asked to stop, and as FAILED after another error.

    Parameters
    ----------
    settings : logged as the run's parameters.
    training : the training's identity, by which an interrupted run is found again.
    name : the name of a new run, see run_names.
    """
    run, client = _open_run(settings, training, name)
    try:
        yield run
    except BaseException as error:
        run.tag(failure=f"{type(error).__name__}: {error}"[:500])
        with run._warning():
            stopped = isinstance(error, StoppedError | KeyboardInterrupt)
            client.set_terminated(run.id, status="KILLED" if stopped else "FAILED")
        raise
    with run._warning():
        client.set_terminated(run.id)


@_report_store_errors()
def _open_run(settings: Mapping[str, Any], training: str, name: str) -> tuple[Run, Any]:
    import mlflow

    experiment = _experiment(PRETRAINING)
    client = mlflow.MlflowClient()
    _renew_view(client, experiment, columns.of_trainings())
    interrupted = client.search_runs([experiment], f"tags.training = '{training}'", max_results=1)
    if interrupted:
        run = interrupted[0]
        client.update_run(run.info.run_id, status="RUNNING")
        if "failure" in run.data.tags:
            client.delete_tag(run.info.run_id, "failure")
    else:
        tags = _provenance(PRETRAINING) | {"training": training}
        run = client.create_run(experiment, run_name=name, tags=tags)
        _log_data(client, run.info.run_id)
    steps = [
        metric.step
        for key in run.data.metrics
        for metric in client.get_metric_history(run.info.run_id, key)
    ]
    # A killed run may lack some parameters. MLflow refuses to change those that it has.
    missing = [param for param in _as_params(settings) if param.key not in run.data.params]
    client.log_batch(run.info.run_id, params=missing)
    return Run(run.info.run_id, max(steps, default=0)), client


@_report_store_errors()
def publish(row: Row) -> str:
    """Writes one row of the experiment twinview and returns its run id.

    A row that a killed or failed call left unfinished is continued.
    """
    import mlflow

    experiment = _experiment(PIPELINE)
    client = mlflow.MlflowClient()
    _renew_view(client, experiment, columns.of_rows(row.compared))
    fingerprint = row.fingerprint()
    same = client.search_runs(
        [experiment], f"tags.fingerprint = '{fingerprint}'", order_by=["start_time ASC"]
    )
    finished = [run.info.run_id for run in same if run.info.status == "FINISHED"]
    unfinished = [run.info.run_id for run in same if _can_continue(run)]
    tags = _provenance(PIPELINE) | {"fingerprint": fingerprint} | _link(row.pretrained)
    if finished:
        tags["duplicate_of"] = finished[0]
    target: dict[str, Any] = {"experiment_id": experiment, "run_name": row.name}
    if unfinished:
        target = {"run_id": unfinished[0]}
    with mlflow.start_run(**target, tags=tags) as run:
        _fill(client, run.info.run_id, row)
        return str(run.info.run_id)


def _renew_view(client: Any, experiment: str, tags: Mapping[str, str]) -> None:
    """Updates the columns of an experiment that was set up with other ones."""
    client.set_experiment_tag(experiment, columns.TAG, tags[columns.TAG])


def _fill(client: Any, run_id: str, row: Row) -> None:
    """Logs everything into the row. Metrics come last, so that a row with metrics is complete."""
    import mlflow

    data = _log_data(client, run_id)
    client.log_batch(run_id, params=_as_params(row.settings))
    if not _find_run(row.pretrained["run_id"]):
        for step, values in row.curves.items():
            mlflow.log_metrics(dict(values), step=step)
    for path, folder in row.files.items():
        mlflow.log_artifact(str(path), folder or None)
    mlflow.log_metrics(_cost(row.pretrained))
    model_id = _log_encoder(*row.encoder)
    mlflow.log_metrics(dict(row.metrics), model_id=model_id, dataset=data)


def _can_continue(run: Any) -> bool:
    """Whether a row is unfinished and of this DVC experiment, or of none when none runs now."""
    name: str = run.data.tags.get("twinview.experiment", "")
    return name == (_experiment_name() or "") and str(run.info.status) != "FINISHED"


def _link(pretrained: Mapping[str, Any]) -> dict[str, str]:
    """Tags that name the run that pretrained the row's encoder, and a note with a link to it."""
    run_id, verdict = pretrained["run_id"], pretrained["verdict"]
    run = _find_run(run_id)
    note = f"Pretrained elsewhere ({verdict}): this store does not know the run `{run_id}`."
    if run:
        address = f"#/experiments/{run.info.experiment_id}/runs/{run_id}"
        note = f"Pretrained ({verdict}) by [{run.info.run_name}]({address})."
    return {
        "pretrain.run_id": run_id,
        "pretrain.run_in_store": str(run is not None).lower(),
        "pretrain.verdict": verdict,
        "mlflow.note.content": note,
    }


def _cost(pretrained: Mapping[str, Any]) -> dict[str, float]:
    return {
        "pretrain.minutes": round(pretrained["seconds"] / 60, 2),
        "pretrain.examples_per_second": pretrained["examples_per_second"],
    }


def _log_data(client: Any, run_id: str) -> Any:
    """Logs the prepared data, with DVC's checksum, as an input of the run, and returns it.

    The result is None if DVC has no checksum of the data.
    """
    from mlflow.entities import Dataset, DatasetInput, InputTag

    if (prepared := provenance.data()) is None:
        return None
    source = json.dumps({"uri": str(paths.PREPARED)})
    data = Dataset(prepared.name, prepared.digest, source_type="local", source=source)
    tags = [InputTag("mlflow.data.context", "training")]
    client.log_inputs(run_id, [DatasetInput(data, tags)])
    return data


def _log_encoder(encoder: Path, embedder: Path, probe: Path, example: Any) -> str:
    """Logs the served model of serving.pyfunc and returns its id.

    The logged model holds safetensors, JSON and the code that reads them, and no pickle. So it
    loads wherever its requirements are installed.
    """
    import mlflow
    import numpy as np

    from twinview.models import probe as probes
    from twinview.serving import mlflow_model, pyfunc

    texts = isinstance(example, list)
    shape = () if texts else tuple(example.shape[1:])
    here, has_probe = Path(mlflow_model.__file__), isinstance(probes.load(probe), probes.Probe)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        package = here.parents[1]
        code = Path(folder) / package.name
        shutil.copytree(package, code, ignore=_all_but_python)
        info = mlflow.pyfunc.log_model(
            name="encoder",
            python_model=str(here),
            artifacts={"encoder": str(encoder), "embedder": str(embedder), "probe": str(probe)},
            code_paths=[str(code)],
            signature=pyfunc.signature(has_probe=has_probe),
            input_example=np.array(example, object) if texts else example.numpy(),
            metadata={"takes": pyfunc.TAKES_TEXTS if texts else pyfunc.describe_input(shape)},
            pip_requirements=_requirements(encoder),
        )
    return str(info.model_id)


def _requirements(encoder: Path) -> list[str]:
    """The packages that the served model imports, with the library that defines its network."""
    from twinview.models.encoder import DESCRIPTION

    described = load_json(encoder / DESCRIPTION)
    options = described["options"]
    library = [options["library"]] if "library" in options else []
    library += ["tokenizers"] if "tokenizer" in described.get("statistics", {}) else []
    return [f"{name}=={version(name)}" for name in sorted({*_NEEDED, *library})]


def connect() -> tuple[Any, str]:
    """MLflow's client of the store, and the id of the experiment twinview."""
    import mlflow

    experiment = _experiment(PIPELINE)
    return mlflow.MlflowClient(), experiment


def _all_but_python(folder: str, names: list[str]) -> list[str]:
    """The names in a folder that are neither Python files nor packages, for shutil.copytree."""
    return [
        n for n in names if not (n.endswith(".py") or (Path(folder) / n / "__init__.py").is_file())
    ]


@_report_store_errors()
def _experiment(name: str) -> str:
    """The id of an experiment of the store. A store or an experiment that is missing is set up.

    Artifacts go to a fixed folder, since the current folder may be a temporary copy. Raises
    ConfigError for an experiment that was deleted in MLflow's pages: nothing can be written into
    it, and no other experiment can have its name.
    """
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")  # with passwords
    import mlflow

    logging.getLogger("mlflow.store.db.utils").setLevel(logging.WARNING)
    mlflow.set_tracking_uri(store())
    with _setup_lock():
        _make_database()
        client = mlflow.MlflowClient()
        stores.renew_addresses(_EXPERIMENT_TAGS)
        experiment = client.get_experiment_by_name(name)
        if experiment and experiment.lifecycle_stage == "deleted":
            raise ConfigError(
                f"the experiment {name} was deleted in MLflow's pages; "
                f"{restore_command(experiment.experiment_id)}, "
                "and `mlflow gc` removes it for good: docs/terminal.md has the whole command"
            )
        if experiment:
            return str(experiment.experiment_id)
        folder = f"{stores.artifacts_url()}/{name}" if stores.database() else None
        tags = _EXPERIMENT_TAGS[name]()
        return str(client.create_experiment(name, artifact_location=folder, tags=tags))


def _make_database() -> None:
    """Sets up a missing SQLite database; the file appears when it is complete.

    MLflow creates it in steps. A database whose creation was killed between them cannot be used.
    """
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    path = stores.database()
    if path is not None and not path.exists():
        for partial in path.parent.glob(f".{path.name}.*.part*"):
            partial.unlink()
        with atomic_file(path) as temporary:
            SqlAlchemyStore(stores.sqlite_url(temporary), stores.artifacts_url())._dispose_engine()  # type: ignore[no-untyped-call]


def _find_run(run_id: str) -> Any:
    """The run, or None if the store does not know it."""
    import mlflow
    from mlflow.exceptions import MlflowException

    try:
        return mlflow.get_run(run_id)
    except MlflowException:
        return None


def _experiment_name() -> str | None:
    return os.environ.get("DVC_EXP_NAME")


def _provenance(experiment: str) -> dict[str, str]:
    """Tags that say where a run comes from: MLflow's own, which its columns show, and ours.

    The tags of the data distinguish two data sets in one list.
    """
    from mlflow.tracking.context import registry

    tags = {
        f"twinview.{key}": provenance.UNKNOWN if value is None else str(value)
        for key, value in provenance.provenance().items()
    }
    source = {"mlflow.source.name": _SOURCES[experiment], "mlflow.source.type": "PROJECT"}
    if not tags["twinview.commit"].startswith((provenance.NONE, provenance.UNKNOWN)):
        source["mlflow.source.git.commit"] = tags["twinview.commit"]
    if data := provenance.data():
        tags |= {"data.source": data.name, "data.digest": data.digest[:_DIGITS]}
    return registry.resolve_tags(source | tags)  # type: ignore[no-any-return]


def _as_params(settings: Mapping[str, Any]) -> list[Any]:
    from mlflow.entities import Param

    return [Param(key, str(value)) for key, value in flatten(settings).items()]
