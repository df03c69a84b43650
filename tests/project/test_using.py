"""What README and docs/ tell users to paste, run as it stands there, in a tiny project."""

import json
import os
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import mlflow
import pytest
from PIL import ExifTags, Image

from tests.support import snippets
from tests.support.commands import git, output, started
from tests.support.servers import free_port, wait_for
from tests.support.snippets import COMMANDS, not_run
from tests.support.used import save_models
from tests.support.workspace import ROOT
from twinview.cli import main
from twinview.core import paths
from twinview.core.types import Embeddings
from twinview.data import split_writer
from twinview.data.splits import Prepared
from twinview.models import embeddings
from twinview.tracking import mlflow_runs

# Pages whose Python is not pasted into a Python, and who runs it.
FILES = {
    "CONTRIBUTING.md": "tests/project/test_contributing.py puts it into files",
    "docs/own-texts.md": "takes an encoder of texts; tests/pipeline/test_texts.py trains one",
}
PYTHON = [page for page in snippets.PAGES if snippets.blocks(page, "python") and page not in FILES]
RUN = [(page, command) for page, command in COMMANDS if not not_run(command)]
# What must be so after a page's blocks: the same features and probabilities everywhere.
AFTER = {
    "README.md": """
import torch
assert features.dtype == torch.float32 and features.shape == (96, 56)
""",
    "docs/from-python.md": """
from twinview.pictures.files import read_picture
files = sorted(Path("photos").rglob("*.jpg"))
read = [read_picture(file, (3, 64, 64)).pixels.numpy() for file in files]
assert photos.dtype == np.uint8 and len(files) == 3 and (photos == read).all()
assert curves.verdict == "healthy" and len(table) == 3
assert features.shape == (1797, encoder.dim)
assert model.score(pictures[1000:], digits.target[1000:]) > 0.9  # of ten classes
""",
    "docs/using.md": """
assert losses[-1] < losses[0]
assert search.best_score_ > 0.34  # of three classes
assert list(table.columns) == ["features", "label", "probabilities"]
from pathlib import Path
from twinview import Predictor
from twinview.pictures.files import read_picture
pixels = read_picture(Path("picture.png"), (1, 12, 12)).pixels
expected = Predictor.load("models").features(pixels[None])
assert np.allclose(features[:1], expected, atol=1e-4)  # of ONNX, where its block was pasted
shares = [list(row.values()) for row in table["probabilities"]]
assert np.allclose(shares, probabilities, atol=1e-5)
assert np.allclose(same["features"][0], table["features"][0], atol=1e-5)
assert "uint8 (n, 1, 12, 12)" in model.metadata.metadata["takes"]
""",
}
# MLflow and torch.onnx stand on much that will go; that is theirs to mend.
pytestmark = [
    pytest.mark.filterwarnings(f"ignore::{kind}")
    for kind in ("DeprecationWarning", "PendingDeprecationWarning", "FutureWarning")
]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory, shapes: Prepared) -> Iterator[Path]:
    """A project's folder after the pipeline: models, data, and a champion in its MLflow."""
    folder = tmp_path_factory.mktemp("projects") / "project"
    git("clone", "-q", ROOT, folder)
    results = git("log", "-1", "--format=%H", "--", "dvc.lock", folder=ROOT)
    git("checkout", "-q", results, folder=folder)  # its settings are those of the results
    own = save_models(folder / "models")
    split_writer.save(folder / paths.PREPARED, shapes)
    made = {
        name: Embeddings(own.features(part.inputs), part.labels, part.ids)
        for name, part in shapes.splits.items()
    }
    embeddings.save(folder / paths.EMBEDDINGS, made)
    (folder / "pictures").mkdir()
    for place, picture in enumerate(shapes.splits["test"].inputs[:3]):
        Image.fromarray(picture[0].numpy()).save(folder / f"pictures/{place}.png")
    shutil.copy(folder / "pictures/0.png", folder / "picture.png")
    save_photos(folder / "photos")
    (folder / "mlruns/0").mkdir(parents=True)  # of an old MLflow, which it would take for the store
    (folder / "mlruns/0/meta.yaml").touch()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)  # MLflow sets it, in other tests
        patch.setattr(sys, "path", list(sys.path))
        models = (folder / paths.ENCODER, folder / paths.EMBEDDER, folder / paths.PROBE)
        pretrained = {"run_id": "unknown", "verdict": "healthy", "seconds": 1.0}
        row = mlflow_runs.Row(
            name="simclr",
            settings={},
            metrics={"linear.accuracy": 0.5},
            pretrained=pretrained | {"examples_per_second": 1},
            curves={},
            encoder=(*models, shapes.splits["test"].inputs[:2]),
        )
        run = mlflow_runs.publish(row)
        assert (folder / "mlflow.db").is_file()
        model_id = mlflow.get_run(run).outputs.model_outputs[0].model_id
        mlflow.set_registry_uri(f"sqlite:///{folder}/mlflow.db")
        version = mlflow.register_model(f"models:/{model_id}", "twinview").version
        mlflow.MlflowClient().set_registered_model_alias("twinview", "champion", version)
        yield folder
    mlflow.set_tracking_uri(None)
    mlflow.set_registry_uri("")


def save_photos(folder: Path) -> None:
    """Colour JPEG files of several sizes, one in a folder below, and one that lies on its side."""
    sideways = Image.Exif()
    sideways[ExifTags.Base.Orientation] = 6
    photo = Image.effect_noise((90, 70), 64).convert("RGB")
    (folder / "below").mkdir(parents=True)
    photo.save(folder / "upright.jpg")
    photo.save(folder / "sideways.jpg", exif=sideways)
    photo.resize((64, 200)).save(folder / "below/tall.jpg")


@pytest.fixture
def project(published: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(published)
    monkeypatch.setattr(sys, "path", list(sys.path))  # MLflow adds a model's code
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    mlflow.set_tracking_uri(None)
    mlflow.set_registry_uri("")
    return published


def run(command: str) -> str:
    """What a command prints, in bash, as for a user who has set nothing; it ends well."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    bash = ["bash", "-o", "pipefail", "-c", command]
    environment = {k: v for k, v in os.environ.items() if k != "MLFLOW_TRACKING_URI"}
    environment |= {"PATH": path}
    return output(*bash, env=environment)


def paste(page: str, skip: str = "\0") -> None:
    """Runs a page's Python blocks, in order, in one fresh process, and what is so after them."""
    pasted = [block for block in snippets.blocks(page, "python") if skip not in block]
    Path("pasted.py").write_text("\n".join([*pasted, AFTER.get(page, "")]))
    run("python pasted.py")


@pytest.mark.slow
@pytest.mark.parametrize("page", PYTHON)
def test_the_python_of_a_page_runs_as_pasted_in_a_fresh_process(page: str, project: Path) -> None:
    paste(page, skip="onnxruntime")  # the slow test below has encoder.onnx


@pytest.mark.parametrize("page", sorted({page for page, _ in RUN}))
def test_the_commands_of_a_page_run_as_pasted(page: str, project: Path) -> None:
    """Those of twinview in this process, which has PyTorch loaded already."""
    for command in [command for where, command in RUN if where == page]:
        [words, *others] = snippets.programs(command)
        if words[0] == "twinview" and not others:
            assert main(words[1:]) == 0, command
        else:
            run(command)


def test_check_says_what_the_page_shows(
    project: Path, write_params: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    [shown] = snippets.blocks("docs/terminal.md", "console")
    _, fault = shown.splitlines()
    write_params({fault.partition(":")[0]: 0})  # in a folder of its own
    assert main(["check", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["faults"] == [fault]


@pytest.mark.slow
@pytest.mark.parametrize("page", ["README.md", "docs/using.md"])
def test_what_is_exported_by_command_answers_in_python(page: str, project: Path) -> None:
    [command] = [line for line in snippets.commands(page) if "--onnx" in line]
    assert main(shlex.split(command)[1:]) == 0
    assert Path("encoder.pt2").is_file()
    paste("docs/using.md")


@pytest.mark.slow
def test_the_server_and_the_request_run(project: Path) -> None:
    port = str(free_port())
    serve, request = (
        next(line for line in snippets.commands("docs/using.md") if word in line).replace(
            "5002", port
        )
        for word in ("mlflow models serve", "echo")
    )
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path}
    with started("sh", "-c", serve, env=environment) as server:
        wait_for(f"http://127.0.0.1:{port}/ping", server)
        said = output("sh", "-c", request)
    assert '"label": ' in said and '"probabilities": {"bars": ' in said


def test_each_block_of_the_readme_is_short() -> None:
    for language in ("python", "console"):
        for block in snippets.blocks("README.md", language):
            assert len([line for line in block.splitlines() if line.strip()]) <= 6
