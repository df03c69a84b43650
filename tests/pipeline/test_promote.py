"""From an empty project to a champion that others load, through the commands alone."""

import json
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pytest
from ruamel.yaml import YAML

from tests.support.commands import git
from tests.support.recorded import Project
from tests.support.workspace import tiny_params
from twinview.data import splits
from twinview.models import embeddings
from twinview.release import champions

pytestmark = [
    pytest.mark.slow,
    *(
        pytest.mark.filterwarnings(f"ignore::{kind}")
        for kind in ("DeprecationWarning", "PendingDeprecationWarning", "FutureWarning")
    ),
]
GATE = {
    "floors": {"linear.accuracy": 0.3},
    "drops": {"linear.accuracy": 0.05},
    "better_than_raw": [],
    "verdicts": ["healthy", "slow", "collapsed"],
    "model": "tiny",
}
TWINVIEW = ("python", "-m", "twinview.cli")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    made = Project(tmp_path_factory.mktemp("promote") / "project")
    write_params(made)
    made.done(*TWINVIEW, "repro")
    return made


def write_params(project: Project, **changes: Any) -> None:
    """Tiny settings, with no other gate than ours."""
    yaml = YAML()
    settings = yaml.load(tiny_params(changes))
    settings["gate"] = GATE
    with (project.folder / "params.yaml").open("w") as file:
        yaml.dump(settings, file)


def commit(project: Project) -> None:
    git("add", "-A", folder=project.folder)
    git("commit", "-qm", "results", folder=project.folder)


def test_a_pipeline_s_encoder_becomes_champion(project: Project) -> None:
    first = json.loads(project.run(*TWINVIEW, "promote", "--json").stdout)
    assert (first["version"], first["registered"]) == ("1", True)
    assert "champion already" in project.done(*TWINVIEW, "promote")
    commit(project)
    gate = project.done(*TWINVIEW, "gate", "--baseline", "HEAD", "--champion")
    assert "champion 1" in gate and "skip" not in gate and "FAIL" not in gate
    project.done("dvc", "repro", "--no-run-cache", "--force", "--single-item", "publish")
    again = json.loads(project.run(*TWINVIEW, "promote", "--json").stdout)
    assert (again["version"], again["registered"]) == ("1", False)


def test_the_champion_gives_the_features_that_the_pipeline_measured(project: Project) -> None:
    mlflow.set_tracking_uri(f"sqlite:///{project.folder}/mlflow.db")
    info = mlflow.models.get_model_info("models:/tiny@champion")
    assert info.signature is not None and info.saved_input_example_info is not None
    pictures = splits.load(project.folder / "data/prepared").splits["test"].inputs[:4]
    expected = embeddings.load(project.folder / "data/embeddings")["test"].features[:4]
    found = mlflow.pyfunc.load_model("models:/tiny@champion").predict(pictures.numpy())
    # Sums round by the size of the batch.
    assert np.allclose(found["features"].tolist(), expected.numpy(), atol=1e-4)


def test_a_worse_encoder_is_refused_and_the_champion_stays(project: Project) -> None:
    write_params(project, encoders={"convnet": {"widths": [2, 2]}})
    project.done(*TWINVIEW, "repro")
    refused = project.run(*TWINVIEW, "promote")
    assert refused.returncode == 1 and "FAIL  linear.accuracy  champion 1" in refused.stdout
    assert project.run(*TWINVIEW, "gate", "--baseline", "HEAD").returncode == 1

    mlflow.set_tracking_uri(f"sqlite:///{project.folder}/mlflow.db")
    client = mlflow.MlflowClient()
    assert str(client.get_model_version_by_alias("tiny", "champion").version) == "1"
    assert len(client.search_model_versions("name = 'tiny'")) == 1
    described = client.get_model_version("tiny", "1").description
    card = mlflow.artifacts.download_artifacts("models:/tiny@champion/MODEL_CARD.md")
    assert champions.shorten(Path(card).read_text()) == described
    assert "simclr" in described and "PNG, JPEG, WebP" in described
