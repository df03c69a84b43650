"""Published models whose code differs, loaded in one process: the second is refused, not mixed."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess

import mlflow
import pytest

from tests.support.commands import run
from tests.support.used import pictures, save_models
from twinview.tracking import mlflow_runs

# MLflow and what it stands on use much that will go; that is theirs to mend.
pytestmark = [
    pytest.mark.slow,
    *(
        pytest.mark.filterwarnings(f"ignore::{kind}")
        for kind in ("DeprecationWarning", "PendingDeprecationWarning", "FutureWarning")
    ),
]
LOAD = """
import sys, mlflow, numpy
for place in sys.argv[1:]:
    __import__(place) if place == "twinview" else print(
        mlflow.pyfunc.load_model(place).predict(numpy.zeros((1, 1, 12, 12), numpy.uint8)).label[0]
    )
"""


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Folders of a published model, the same again, and one whose code names other classes."""
    folder = tmp_path_factory.mktemp("project")
    save_models(folder / "models")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)  # MLflow sets it, in other tests
        _, experiment = mlflow_runs.connect()
        with mlflow.start_run(experiment_id=experiment):
            names = ("encoder", "embedder", "probe")
            parts = (*(folder / "models" / name for name in names), pictures(2))
            logged = mlflow.get_logged_model(mlflow_runs._log_encoder(*parts))
    found = {"one": logged.artifact_location.removeprefix("file://")}
    for name in ("same", "other"):
        found[name] = shutil.copytree(found["one"], str(folder / name))
    probe = Path(found["other"], "code/twinview/models/probe.py")
    probe.write_text(f"{probe.read_text()}\nassert False, 'other code runs'\n")
    yield found
    mlflow.set_tracking_uri(None)


def load(*places: str) -> CompletedProcess[str]:
    """Loads models, one after the other, in a process that may import the installed twinview."""
    environment = os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true"}
    return run(sys.executable, "-c", LOAD, *places, env=environment)


def test_models_of_equal_code_load_in_one_process_beside_the_installed_package(
    models: dict[str, str],
) -> None:
    done = load("twinview", models["one"], models["same"])
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.split()) == 2


@pytest.mark.parametrize("first", ["twinview", "one"])
def test_a_model_of_other_code_is_refused_with_what_to_do(
    first: str, models: dict[str, str]
) -> None:
    done = load(models.get(first, first), models["other"])
    assert done.returncode != 0 and "other code runs" not in done.stderr
    assert "MlflowException: this model was published with other code than the" in done.stderr
    assert "probe.py differs. Load the model in a new process" in done.stderr


def test_alone_a_model_runs_the_code_that_it_brings(models: dict[str, str]) -> None:
    assert "AssertionError: other code runs" in load(models["other"]).stderr
