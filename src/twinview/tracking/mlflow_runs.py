"""MLflow: one run for each real pretraining, one row for each executed pipeline.

Besides served, mlflow_model, champions and stores the only module that imports mlflow, and only
inside functions: it takes seconds to load.
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
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from twinview.core import locks, paths
from twinview.core.errors import BusyError, ConfigError, StoppedError
from twinview.core.files import atomic_file, flatten, load_json
from twinview.core.paths import root
from twinview.experiments import provenance
from twinview.tracking import columns, stores
from twinview.tracking.stores import store

PIPELINE = "twinview"
PRETRAINING = "twinview-pretrain"
# What MLflow calls a run's source, and the tags that an experiment has from its beginning.
_SOURCES = {PIPELINE: "dvc.yaml", PRETRAINING: "pipeline/pretrain.py"}
_ABOUT = {PIPELINE: columns.of_rows, PRETRAINING: columns.of_trainings}

# Baselines of which a row has metrics, and which of theirs.
_OTHERS, _COMPARED = ("raw_pixels", "supervised"), ("linear.accuracy", "knn.accuracy")

_DIGITS = 7  # of a checksum, as git has them
# Packages that every served model imports.
_NEEDED = (
    "annotated-types", "mlflow", "numpy", "pandas", "pillow", "pydantic", "safetensors", "torch",
    "torchvision",
)  # fmt: skip


def row_metrics(ours: Mapping[str, Any], baselines: Mapping[str, Any]) -> dict[str, float]:
    """What a row has of reports/metrics.json and baselines.json: ours, then what ours are compared
    with, under names that come last in MLflow's charts. The file itself has the rest.
    """
    theirs = flatten(baselines)
    names = [f"{other}.{metric}" for other in _OTHERS for metric in _COMPARED]
    return flatten(ours) | {f"versus.{name}": theirs[name] for name in names if name in theirs}


def display_address() -> str:
    """The store's address for people to read."""
    return mask_passwords(store())


def mask_passwords(text: str) -> str:
    """A text without the users and passwords of the addresses in it."""
    return re.sub(r"://[^/\s]*@", "://***@", text)


def restore_command(experiment: int | str) -> str:
    """What brings back an experiment that was deleted in MLflow's pages."""
    where = f"MLFLOW_DISABLE_TELEMETRY=true MLFLOW_TRACKING_URI={display_address()}"
    return f"`{where} mlflow experiments restore --experiment-id {experiment}` brings it back"


@contextlib.contextmanager
def _answering() -> Iterator[None]:
    """Raises BusyError when the store does not answer, refuses, or is none."""
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
    """Renews the database's addresses while no other process does; see stores.renew_addresses."""
    with _first_contact():
        stores.renew_addresses(_ABOUT)


@contextlib.contextmanager
def _first_contact() -> Iterator[None]:
    """Of several processes one at a time: together they break a database for good."""
    with locks.file_lock(root() / paths.SCRATCH / "mlflow.init.lock", lambda holder: None):
        yield


@_answering()
def page_address() -> str:
    """The rest of an address, after the server's: our view of the own store's rows; "" without."""
    import mlflow

    file = stores.database()
    if file is None or not file.exists():
        return ""
    found = mlflow.MlflowClient(tracking_uri=store()).get_experiment_by_name(PIPELINE)
    renew_addresses()
    return columns.address(found.experiment_id) if found else ""


@dataclass
class Run:
    """An open MLflow run. What it cannot log it warns of, once: a training outlives its tracker.

    last: the last step that it has values of. A training that goes on from before tells them anew,
    equal to the bit, and the curve has each step once.
    """

    id: str
    last: int = 0
    _warned: bool = False

    def log(self, values: Mapping[str, float], step: int) -> None:
        """Metrics at a step, in one call; none at steps that the curve has already."""
        import mlflow

        if step > self.last:
            with self._outlived():
                mlflow.log_metrics(dict(values), step=step, run_id=self.id)
                self.last = step

    def tag(self, **tags: str) -> None:
        """Tags of the run."""
        import mlflow

        with self._outlived():
            for key, value in tags.items():
                mlflow.MlflowClient().set_tag(self.id, key, value)

    @contextlib.contextmanager
    def _outlived(self) -> Iterator[None]:
        from mlflow.exceptions import MlflowException

        try:
            yield
        except (MlflowException, OSError) as error:
            if not self._warned:
                said = mask_passwords(str(error))
                warnings.warn(f"MLflow did not take a value ({said}); going on", stacklevel=3)
            self._warned = True


@dataclass(frozen=True)
class Row:
    """What a row of the experiment twinview shows.

    name: see run_names. pretrained: the content of models/pretrain_run.json. curves: metrics by
    step, written into the row when the store does not know the run that pretrained. files: each
    with the row's folder that it goes to, "" for the first one.
    encoder: its folder, its probe's, and some pictures as an input example.
    """

    name: str
    settings: Mapping[str, Any]
    metrics: Mapping[str, float]
    pretrained: Mapping[str, Any]
    curves: Mapping[int, Mapping[str, float]]
    encoder: tuple[Path, Path, Any]
    files: Mapping[Path, str] = field(default_factory=dict)

    def fingerprint(self) -> str:
        """Equal for equal settings and results."""
        told = json.dumps([self.settings, self.metrics])
        return hashlib.sha256(told.encode()).hexdigest()[:16]


@contextlib.contextmanager
def pretraining(settings: Mapping[str, Any], training: str, name: str) -> Iterator[Run]:
    """The run of a training in the experiment twinview-pretrain: the one that was interrupted, or a
    new one.

    training: that by which it is found again, whenever its process was killed. name: what a new one
    is called, see run_names. An error inside makes it a failed run, a wish to stop a killed one.
    """
    run, client = _opened_run(settings, training, name)
    try:
        yield run
    except BaseException as error:
        run.tag(failure=f"{type(error).__name__}: {error}"[:500])
        with run._outlived():
            stopped = isinstance(error, StoppedError | KeyboardInterrupt)
            client.set_terminated(run.id, status="KILLED" if stopped else "FAILED")
        raise
    with run._outlived():
        client.set_terminated(run.id)


@_answering()
def _opened_run(settings: Mapping[str, Any], training: str, name: str) -> tuple[Run, Any]:
    import mlflow

    experiment = _experiment(PRETRAINING)
    client = mlflow.MlflowClient()
    _renew_view(client, experiment, PRETRAINING)
    found = client.search_runs([experiment], f"tags.training = '{training}'", max_results=1)
    if found:
        own = found[0]
        client.update_run(own.info.run_id, status="RUNNING")
        if "failure" in own.data.tags:
            client.delete_tag(own.info.run_id, "failure")
    else:
        tags = _provenance(PRETRAINING) | {"training": training}
        own = client.create_run(experiment, run_name=name, tags=tags)
        _log_data(client, own.info.run_id)
    logged = [
        metric.step
        for name in own.data.metrics
        for metric in client.get_metric_history(own.info.run_id, name)
    ]
    # A killed run may lack them, and those that it has must not change.
    missing = [p for p in _as_params(settings) if p.key not in own.data.params]
    client.log_batch(own.info.run_id, params=missing)
    return Run(own.info.run_id, max(logged, default=0)), client


@_answering()
def publish(row: Row) -> str:
    """Writes one row of the experiment twinview; its run id.

    A row that a killed or failed publishing left unfinished is gone on with.
    """
    import mlflow

    experiment = _experiment(PIPELINE)
    client = mlflow.MlflowClient()
    _renew_view(client, experiment, PIPELINE)
    fingerprint = row.fingerprint()
    same = client.search_runs(
        [experiment], f"tags.fingerprint = '{fingerprint}'", order_by=["start_time ASC"]
    )
    finished = [run.info.run_id for run in same if run.info.status == "FINISHED"]
    unfinished = [run.info.run_id for run in same if _is_ours(run)]
    tags = _provenance(PIPELINE) | {"fingerprint": fingerprint} | _link(row.pretrained)
    if finished:
        tags["duplicate_of"] = finished[0]
    where: dict[str, Any] = {"experiment_id": experiment, "run_name": row.name}
    if unfinished:
        where = {"run_id": unfinished[0]}
    with mlflow.start_run(**where, tags=tags) as run:
        _fill(client, run.info.run_id, row)
        return str(run.info.run_id)


def _renew_view(client: Any, experiment: str, name: str) -> None:
    """Gives an experiment that an earlier version set up the columns of this one."""
    client.set_experiment_tag(experiment, columns.TAG, _ABOUT[name]()[columns.TAG])


def _fill(client: Any, run_id: str, row: Row) -> None:
    """Metrics come last: a row that has them has all."""
    import mlflow

    data = _log_data(client, run_id)
    client.log_batch(run_id, params=_as_params(row.settings))
    if not _found(row.pretrained["run_id"]):
        for step, values in row.curves.items():
            mlflow.log_metrics(dict(values), step=step)
    for path, folder in row.files.items():
        mlflow.log_artifact(str(path), folder or None)
    mlflow.log_metrics(_cost(row.pretrained))
    model_id = _log_encoder(*row.encoder)
    mlflow.log_metrics(dict(row.metrics), model_id=model_id, dataset=data)


def _is_ours(run: Any) -> bool:
    """Whether an unfinished row is of this very experiment of DVC's (all others, if of none)."""
    name: str = run.data.tags.get("twinview.experiment", "")
    return name == (_experiment_name() or "") and str(run.info.status) != "FINISHED"


def _link(pretrained: Mapping[str, Any]) -> dict[str, str]:
    """Tags that lead from a row to the run that pretrained its encoder, and a link for readers."""
    run_id, verdict = pretrained["run_id"], pretrained["verdict"]
    found = _found(run_id)
    note = f"Pretrained elsewhere ({verdict}): this store does not know the run `{run_id}`."
    if found:
        address = f"#/experiments/{found.info.experiment_id}/runs/{run_id}"
        note = f"Pretrained ({verdict}) by [{found.info.run_name}]({address})."
    return {
        "pretrain.run_id": run_id,
        "pretrain.run_in_store": str(found is not None).lower(),
        "pretrain.verdict": verdict,
        "mlflow.note.content": note,
    }


def _cost(pretrained: Mapping[str, Any]) -> dict[str, float]:
    return {
        "pretrain.minutes": round(pretrained["seconds"] / 60, 2),
        "pretrain.examples_per_second": pretrained["examples_per_second"],
    }


def _log_data(client: Any, run_id: str) -> Any:
    """The prepared data as an input of the run, by DVC's checksum; None where DVC has none."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    if (found := provenance.data()) is None:
        return None
    source = json.dumps({"uri": str(paths.PREPARED)})
    data = Dataset(found.name, found.digest, source_type="local", source=source)
    own = DatasetInput(data, [InputTag("mlflow.data.context", "training")])
    client.log_inputs(run_id, [own])
    return data


def _log_encoder(encoder: Path, probe: Path, example: Any) -> str:
    """Logs the model that served describes; its id.

    It loads wherever these requirements are met: safetensors and JSON, and beside them the code
    that reads them; no pickle.
    """
    import mlflow

    from twinview.serving import mlflow_model, pyfunc

    here = Path(mlflow_model.__file__)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        package = here.parents[1]
        code = Path(folder) / package.name
        shutil.copytree(package, code, ignore=_all_but_python)
        info = mlflow.pyfunc.log_model(
            name="encoder",
            python_model=str(here),
            artifacts={"encoder": str(encoder), "probe": str(probe)},
            code_paths=[str(code)],
            signature=pyfunc.signature(),
            input_example=example.numpy(),
            metadata={"takes": pyfunc.takes(tuple(example.shape[1:]))},
            pip_requirements=_requirements(encoder),
        )
    return str(info.model_id)


def _requirements(encoder: Path) -> list[str]:
    """The packages that the served model imports: also the library that its network is of."""
    from twinview.models.encoder import DESCRIPTION

    options = load_json(encoder / DESCRIPTION)["options"]
    own = [options["library"]] if "library" in options else []
    return [f"{name}=={version(name)}" for name in sorted({*_NEEDED, *own})]


def connect() -> tuple[Any, str]:
    """MLflow's client of the store, and the id of the experiment twinview."""
    import mlflow

    experiment = _experiment(PIPELINE)
    return mlflow.MlflowClient(), experiment


def _all_but_python(folder: str, names: list[str]) -> list[str]:
    """Of a folder's names those that the served model's code does not need."""
    return [
        n for n in names if not (n.endswith(".py") or (Path(folder) / n / "__init__.py").is_file())
    ]


@_answering()
def _experiment(name: str) -> str:
    """The id of an experiment of the store, which is set up when it is new.

    Processes that set up a database together break it for good, hence the lock. Artifacts go to a
    fixed folder, since the current one may be a temporary copy. Raises ConfigError for one that was
    deleted in MLflow's pages: its name is taken, and nothing can be written into it.
    """
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")  # a password and all
    import mlflow

    logging.getLogger("mlflow.store.db.utils").setLevel(logging.WARNING)
    mlflow.set_tracking_uri(store())
    with _first_contact():
        _make_database()
        client = mlflow.MlflowClient()
        stores.renew_addresses(_ABOUT)
        found = client.get_experiment_by_name(name)
        if found and found.lifecycle_stage == "deleted":
            raise ConfigError(
                f"the experiment {name} was deleted in MLflow's pages; "
                f"{restore_command(found.experiment_id)}, and `mlflow gc` removes it for good: "
                "docs/terminal.md has the whole command"
            )
        if found:
            return str(found.experiment_id)
        folder = f"{stores.artifacts_url()}/{name}" if stores.database() else None
        about = _ABOUT[name]()
        return str(client.create_experiment(name, artifact_location=folder, tags=about))


def _make_database() -> None:
    """Sets up a database of SQLite's that is not there: whole, or not at all.

    MLflow sets it up in steps, and one that was killed between them is of no use to anyone.
    """
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    path = stores.database()
    if path is not None and not path.exists():
        for half in path.parent.glob(f".{path.name}.*.part*"):
            half.unlink()
        with atomic_file(path) as temporary:
            SqlAlchemyStore(stores.sqlite_url(temporary), stores.artifacts_url())._dispose_engine()  # type: ignore[no-untyped-call]


def _found(run_id: str) -> Any:
    """The run, or None where the store does not know it."""
    import mlflow
    from mlflow.exceptions import MlflowException

    try:
        return mlflow.get_run(run_id)
    except MlflowException:
        return None


def _experiment_name() -> str | None:
    return os.environ.get("DVC_EXP_NAME")


def _provenance(experiment: str) -> dict[str, str]:
    """Where the run comes from, in MLflow's words (its columns show those) and in ours.

    The data's tags are those by which two data sets in one list are told apart.
    """
    from mlflow.tracking.context import registry

    own = {
        f"twinview.{key}": provenance.UNKNOWN if value is None else str(value)
        for key, value in provenance.provenance().items()
    }
    source = {"mlflow.source.name": _SOURCES[experiment], "mlflow.source.type": "PROJECT"}
    if not own["twinview.commit"].startswith((provenance.NONE, provenance.UNKNOWN)):
        source["mlflow.source.git.commit"] = own["twinview.commit"]
    if data := provenance.data():
        own |= {"data.source": data.name, "data.digest": data.digest[:_DIGITS]}
    return registry.resolve_tags(source | own)  # type: ignore[no-any-return]


def _as_params(settings: Mapping[str, Any]) -> list[Any]:
    from mlflow.entities import Param

    return [Param(key, str(value)) for key, value in flatten(settings).items()]
