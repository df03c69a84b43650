"""Runs that were deleted in MLflow's pages: MLflow hides them, and keeps their files until told.

What there is is read from the database itself, since MLflow takes seconds to load.
"""

import contextlib
import os
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twinview.core.errors import BusyError, ConfigError, DataError
from twinview.core.paths import root
from twinview.tracking import mlflow_runs, stores

LIMIT_S = 1800  # of MLflow's removal, which takes seconds for hundreds of runs
_RUNS = "SELECT artifact_uri FROM runs WHERE lifecycle_stage = 'deleted'"
# A registered version names its model, and outlives the run that made it.
_REGISTERED = """current_stage IS NOT 'Deleted_Internal'
    AND instr(source || ' ' || coalesce(storage_location, ''), model_id)"""
_MODELS = f"""
    SELECT model_id, artifact_location FROM logged_models WHERE source_run_id IN
        (SELECT run_uuid FROM runs WHERE lifecycle_stage = 'deleted')
    AND NOT EXISTS (SELECT 1 FROM model_versions WHERE {_REGISTERED})
"""
# It does not outlive the experiment: MLflow removes that with every model in it.
_LOST = f"""
    SELECT experiment_id, experiments.name, model_versions.name, version
    FROM experiments JOIN logged_models USING (experiment_id) JOIN model_versions ON {_REGISTERED}
    WHERE experiments.lifecycle_stage = 'deleted'
"""


@dataclass(frozen=True)
class Rows:
    """runs: how many there are. models: their ids. folders: what lies on the disk of both.

    lost: registered versions in deleted experiments: its id, its name, the model, the version.
    """

    runs: int
    models: list[str]
    folders: list[Path]
    lost: list[tuple[int, str, str, int]]


def deleted_rows() -> Rows:
    """The deleted runs of mlflow.db, and their models; none where another store is in use.

    Raises DataError for a database that cannot be read.
    """
    file = stores.database()
    if file is None or not file.is_file():  # nothing was tracked yet, or a server has it
        return Rows(0, [], [], [])
    try:
        with contextlib.closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as database:
            runs, models, lost = (
                database.execute(query).fetchall() for query in (_RUNS, _MODELS, _LOST)
            )
    except sqlite3.Error as error:
        raise DataError(f"{file} cannot be read as MLflow's database ({error})") from None
    places = [uri for (uri,) in runs] + [uri for _, uri in models]
    return Rows(
        len(runs), [model for model, _ in models], [stores.folder(uri) for uri in places], lost
    )


def forget() -> None:
    """Removes them for good.

    Raises ConfigError when their files lie outside of this project, or when MLflow would remove a
    registered model with its experiment.
    """
    mlflow_runs.move_in()
    rows = deleted_rows()
    for number, experiment, model, version in rows.lost:
        raise ConfigError(
            f"the experiment {experiment} was deleted in MLflow's pages and holds version "
            f"{version} of the registered model {model}, which would go with it; "
            f"{mlflow_runs.restoring(number)}, or delete that version first"
        )
    for folder in rows.folders:
        if not folder.is_relative_to(root() / "mlartifacts"):
            raise ConfigError(
                f"MLflow's runs have their files in {folder}, outside of this project; has it "
                "been copied, or moved? Nothing is removed there"
            )
    if rows.runs:
        mlflow_runs.delete_models(rows.models)
        where = ["--backend-store-uri", stores.store(), "--tracking-uri", stores.store()]
        _mlflow("gc", *where)


def _mlflow(*arguments: str) -> None:
    environment = os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true"}
    command = [sys.executable, "-m", "mlflow", *arguments]
    options: dict[str, Any] = {"capture_output": True, "text": True, "errors": "replace"}
    try:
        done = subprocess.run(command, env=environment, timeout=LIMIT_S, **options)
    except subprocess.TimeoutExpired:
        raise BusyError(
            f"`mlflow {arguments[0]}` has not ended in {LIMIT_S} s; what it removed is gone, and "
            "`twinview clean rows` goes on with the rest once nothing else holds mlflow.db"
        ) from None
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["no reason given"]
        raise DataError(f"`mlflow {arguments[0]}` failed: {said[-1]}")
