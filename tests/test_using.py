"""What README and docs/using.md tell users to run, run as it stands there, in a tiny project."""

import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from tests.commands import output, started
from tests.servers import free_port, wait_for
from tests.used import save_models
from tests.workspace import ROOT
from twinview import embeddings, paths, splits, tracking
from twinview.cli import main
from twinview.splits import Prepared
from twinview.types import Embeddings

README = (ROOT / "README.md").read_text().partition("## Use the encoder\n")[2]
TEXTS = {
    "README": README.partition("\n## ")[0],
    "using": (ROOT / "docs/using.md").read_text(),
}
# MLflow and torch.onnx stand on much that will go; that is theirs to mend.
pytestmark = [
    pytest.mark.filterwarnings(f"ignore::{kind}")
    for kind in ("DeprecationWarning", "PendingDeprecationWarning", "FutureWarning")
]


def blocks(name: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXTS[name], re.DOTALL)


def commands(name: str) -> list[str]:
    """Each command of the console blocks, lines that go on joined, comments taken off."""
    lines = "\n".join(blocks(name, "console")).replace("|\n", "| ").splitlines()
    return [line.removeprefix("$ ").partition("  #")[0].strip() for line in lines if line]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory, shapes: Prepared) -> Iterator[Path]:
    """A project's folder after the pipeline: models, data, and a champion in its MLflow."""
    folder = tmp_path_factory.mktemp("project")
    own = save_models(folder / "models")
    splits.save(folder / paths.PREPARED, shapes)
    made = {
        name: Embeddings(own.features(part.inputs), part.labels, part.ids)
        for name, part in shapes.splits.items()
    }
    embeddings.save(folder / paths.EMBEDDINGS, made)
    (folder / "pictures").mkdir()
    for place, picture in enumerate(shapes.splits["test"].inputs[:3]):
        Image.fromarray(picture[0].numpy()).save(folder / f"pictures/{place}.png")
    shutil.copy(folder / "pictures/0.png", folder / "picture.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DVC_ROOT", str(folder))
        patch.setattr(sys, "path", list(sys.path))
        models = (folder / paths.ENCODER, folder / paths.PROBE)
        pretrained = {"run_id": "unknown", "verdict": "learning", "seconds": 1.0}
        row = tracking.Row(
            settings={},
            metrics={"linear.accuracy": 0.5},
            pretrained=pretrained | {"examples_per_second": 1},
            curves={},
            encoder=(*models, shapes.splits["test"].inputs[:2]),
        )
        run = tracking.publish(row)
        model_id = mlflow.get_run(run).outputs.model_outputs[0].model_id
        mlflow.set_registry_uri(f"sqlite:///{folder}/mlflow.db")
        version = mlflow.register_model(f"models:/{model_id}", "twinview").version
        mlflow.MlflowClient().set_registered_model_alias("twinview", "champion", version)
        yield folder
    mlflow.set_tracking_uri(None)
    mlflow.set_registry_uri("")


@pytest.fixture
def project(published: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(published)
    monkeypatch.setattr(sys, "path", list(sys.path))  # MLflow adds a model's code
    store = f"sqlite:///{published}/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    mlflow.set_tracking_uri(store)
    mlflow.set_registry_uri(store)
    return published


def run_python(name: str, shapes: Prepared, skip: str = "\0") -> dict[str, Any]:
    """The variables after all Python blocks of a text, which follow each other."""
    test = shapes.splits["test"]
    found: dict[str, Any] = {"pictures": test.inputs[:40], "labels": test.labels[:40]}  # type: ignore[index]
    for block in blocks(name, "python"):
        if skip not in block:
            exec(compile(block, f"{name}.md", "exec"), found)
    return found


def test_the_readme_s_python_runs(project: Path, shapes: Prepared) -> None:
    found = run_python("README", shapes)
    features: Tensor = found["features"]
    assert features.shape == (40, 56)
    assert list(found["table"].columns) == ["features", "label", "probabilities"]
    assert np.allclose(np.stack(found["table"]["features"]), found["found"], atol=1e-5)


def test_the_page_s_python_runs_and_says_the_same_everywhere(
    project: Path, shapes: Prepared, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.manual_seed(0)
    found = run_python("using", shapes, skip="onnxruntime")
    assert found["losses"][-1] < found["losses"][0]
    table, own = found["table"], found["features"]
    assert np.allclose(np.stack(table["features"]), own, atol=1e-5)
    probabilities = [list(row.values()) for row in table["probabilities"]]
    assert np.allclose(probabilities, found["probabilities"], atol=1e-5)
    assert np.allclose(found["same"]["features"][0], table["features"][0], atol=1e-5)
    assert found["search"].best_score_ > 0.34  # of three classes
    assert "uint8 (n, 1, 12, 12)" in capsys.readouterr().out


@pytest.mark.parametrize("name", TEXTS)
def test_the_commands_of_twinview_run(name: str, project: Path) -> None:
    lines = [line for line in commands(name) if line.startswith("twinview ")]
    assert len(lines) >= 3
    for line in lines:
        if "--onnx" not in line:
            assert main(shlex.split(line)[1:]) == 0, line


def test_the_readme_s_long_commands_are_those_of_the_page_which_are_run() -> None:
    long = [line for line in commands("README") if "serve" in line or "--onnx" in line]
    assert len(long) == 2 and set(long) <= set(commands("using"))
    started = [line for line in commands("using") if "mlflow " in line]
    assert started and all(line.startswith("MLFLOW_DISABLE_TELEMETRY=true ") for line in started)


@pytest.mark.slow
def test_what_is_exported_by_command_answers_in_python(project: Path, shapes: Prepared) -> None:
    [line] = [line for line in commands("using") if "--onnx" in line]
    assert main(shlex.split(line)[1:]) == 0
    found = run_python("using", shapes)
    expected = np.stack(found["table"]["features"])
    assert np.allclose(found["features"], expected, atol=1e-4)
    assert Path("encoder.pt2").is_file()


@pytest.mark.slow
def test_the_server_and_the_request_run(project: Path) -> None:
    port = str(free_port())
    serve, request = (
        next(line for line in commands("using") if word in line).replace("5002", port)
        for word in ("mlflow models serve", "echo")
    )
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "MLFLOW_TRACKING_URI": "sqlite:///mlflow.db"}
    with started("sh", "-c", serve, env=environment) as server:
        wait_for(f"http://127.0.0.1:{port}/ping", server)
        said = output("sh", "-c", request)
    assert '"label": ' in said and '"probabilities": {"bars": ' in said


def test_each_block_of_the_readme_s_section_has_at_most_five_lines() -> None:
    for language in ("python", "console"):
        for block in blocks("README", language):
            assert len([line for line in block.splitlines() if line.strip()]) <= 5
    assert len(TEXTS["README"].splitlines()) <= 34
