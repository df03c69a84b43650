"""MLflow: one run for each real pretraining, one row for each executed pipeline.

The only module that imports mlflow, and only inside functions: it takes seconds to load.
"""

import contextlib
import hashlib
import json
import logging
import os
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twinview import locks
from twinview.artifacts import atomic_file, flat
from twinview.errors import BusyError, StoppedError
from twinview.paths import root

PIPELINE = "twinview"
PRETRAINING = "twinview-pretrain"

_SQLITE = "sqlite:///"


def store() -> str:
    """The tracking store: MLFLOW_TRACKING_URI, or mlflow.db in the project's folder."""
    uri = os.environ.get("MLFLOW_TRACKING_URI") or f"{_SQLITE}mlflow.db"
    if uri.startswith(_SQLITE):
        return f"{_SQLITE}{root() / uri.removeprefix(_SQLITE)}"
    return uri


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
                warnings.warn(f"MLflow did not take a value ({error}); going on", stacklevel=3)
            self._warned = True


@contextlib.contextmanager
def pretraining(settings: Mapping[str, Any], training: str) -> Iterator[Run]:
    """The run of a training in the experiment twinview-pretrain: the one that was interrupted, or a
    new one.

    training: the name by which it is found again, whenever its process was killed. An error inside
    makes it a failed run, a wish to stop a killed one.
    """
    run, client = _opened_run(settings, training)
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


def _opened_run(settings: Mapping[str, Any], training: str) -> tuple[Run, Any]:
    import mlflow

    experiment = _experiment(PRETRAINING)
    client = mlflow.MlflowClient()
    found = client.search_runs([experiment], f"tags.training = '{training}'", max_results=1)
    if found:
        own = found[0]
        client.update_run(own.info.run_id, status="RUNNING")
        if "failure" in own.data.tags:
            client.delete_tag(own.info.run_id, "failure")
    else:
        tags = _provenance() | {"training": training}
        own = client.create_run(experiment, run_name=_run_name(), tags=tags)
    logged = [
        metric.step
        for name in own.data.metrics
        for metric in client.get_metric_history(own.info.run_id, name)
    ]
    # A killed run may lack them, and those that it has must not change.
    missing = [p for p in _as_params(settings) if p.key not in own.data.params]
    client.log_batch(own.info.run_id, params=missing)
    return Run(own.info.run_id, max(logged, default=0)), client


def publish(
    settings: Mapping[str, Any],
    metrics: Mapping[str, float],
    pretrained: Mapping[str, Any],
    curves: Mapping[int, Mapping[str, float]],
    artifacts: list[Path],
    encoder: tuple[Any, Any],
) -> str:
    """Writes one row of the experiment twinview; its run id.

    pretrained: the content of models/pretrain_run.json. curves: metrics by step, written into the
    row when the store does not know the run that pretrained. encoder: module and an input example.
    """
    import mlflow

    experiment = _experiment(PIPELINE)
    client = mlflow.MlflowClient()
    fingerprint = hashlib.sha256(json.dumps([settings, metrics]).encode()).hexdigest()[:16]
    same = f"tags.fingerprint = '{fingerprint}' and attributes.status = 'FINISHED'"
    twins = client.search_runs([experiment], same, order_by=["start_time ASC"], max_results=1)
    known = _knows(pretrained["run_id"])
    tags = _provenance() | {
        "fingerprint": fingerprint,
        "pretrain.run_id": pretrained["run_id"],
        "pretrain.run_in_store": str(known).lower(),
        "pretrain.verdict": pretrained["verdict"],
    }
    if twins:
        tags["duplicate_of"] = twins[0].info.run_id
    with (
        _answering(),
        mlflow.start_run(experiment_id=experiment, run_name=_run_name(), tags=tags) as run,
    ):
        client.log_batch(run.info.run_id, params=_as_params(settings))
        if not known:
            for step, values in curves.items():
                mlflow.log_metrics(dict(values), step=step)
        model_id = _log_encoder(*encoder)
        mlflow.log_metrics(dict(metrics), model_id=model_id)
        for path in artifacts:
            mlflow.log_artifact(str(path))
        return str(run.info.run_id)


def delete_models(ids: list[str]) -> None:
    """Marks logged models as deleted, as the pages do with runs."""
    import mlflow

    client = mlflow.MlflowClient(store())
    for model in ids:
        client.delete_logged_model(model)


def _log_encoder(encoder: Any, example: Any) -> str:
    """Logs the encoder with an input example, from which MLflow takes the signature.

    The format is torch.export's: no pickle.
    """
    import mlflow
    import torch

    encoder.cpu().eval()
    requirements = [f"torch=={torch.__version__.partition('+')[0]}"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        info = mlflow.pytorch.log_model(
            encoder,
            name="encoder",
            input_example=example.numpy(),
            pip_requirements=requirements,
        )
    return str(info.model_id)


def _experiment(name: str) -> str:
    """The id of an experiment of the store, which is set up when it is new.

    Processes that set up a database together break it for good, hence the lock. Artifacts go to a
    fixed folder, since the current one may be a temporary copy.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
    import mlflow

    logging.getLogger("mlflow.store.db.utils").setLevel(logging.WARNING)
    mlflow.set_tracking_uri(store())
    with locks.held(root() / ".dvc/tmp/mlflow.init.lock", lambda holder: None), _answering():
        _make_database()
        client = mlflow.MlflowClient()
        found = client.get_experiment_by_name(name)
        if found:
            return str(found.experiment_id)
        local = store().startswith(_SQLITE)
        folder = (root() / "mlartifacts" / name).as_uri() if local else None
        return str(client.create_experiment(name, artifact_location=folder))


@contextlib.contextmanager
def _answering() -> Iterator[None]:
    """Raises BusyError when the store does not answer, refuses, or is none."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (MlflowException, SQLAlchemyError) as error:
        reason = str(error).splitlines()[0]
        raise BusyError(
            f"the MLflow store {store()} does not answer or refuses ({reason}); start it, "
            "or unset MLFLOW_TRACKING_URI to use mlflow.db; a broken mlflow.db can be moved away"
        ) from error


def _make_database() -> None:
    """Sets up a database of SQLite's that is not there: whole, or not at all.

    MLflow sets it up in steps, and one that was killed between them is of no use to anyone.
    """
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    path = Path(store().removeprefix(_SQLITE))
    if store().startswith(_SQLITE) and not path.exists():
        for half in path.parent.glob(f".{path.name}.*.part*"):
            half.unlink()
        with atomic_file(path) as temporary:
            artifacts = (root() / "mlartifacts").as_uri()
            SqlAlchemyStore(f"{_SQLITE}{temporary}", artifacts)._dispose_engine()  # type: ignore[no-untyped-call]


def _knows(run_id: str) -> bool:
    import mlflow
    from mlflow.exceptions import MlflowException

    try:
        mlflow.get_run(run_id)
    except MlflowException:
        return False
    return True


def _run_name() -> str | None:
    return os.environ.get("DVC_EXP_NAME")


def _provenance() -> dict[str, str]:
    from twinview.provenance import provenance

    return {f"twinview.{key}": str(value) for key, value in provenance().items()}


def _as_params(settings: Mapping[str, Any]) -> list[Any]:
    from mlflow.entities import Param

    return [Param(key, str(value)) for key, value in flat(settings).items()]
