"""The whole pipeline through DVC, on a few hundred real examples, in a project of its own."""

import base64
import contextlib
import io
import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import mlflow
import numpy as np
import pytest
from filelock import FileLock
from PIL import Image
from ruamel.yaml import YAML
from safetensors.numpy import load_file

from tests.support import commands
from tests.support.plugins import of_modality
from tests.support.recorded import Project
from tests.support.servers import free_port, wait_for
from twinview.core import paths
from twinview.core.csv_files import load_rows
from twinview.stages import dvc_yaml, imports
from twinview.stages.aside import is_aside
from twinview.stages.declared import Stage

# Stages whose outs depend on data, settings and seeds alone, and what they need.
EQUAL = ("pretrain", "embed", "baselines", "evaluate_baselines", "evaluate")
# The folder of raw inputs is called after the modality, and has safetensors alone; pages of
# pictures have no style of texts.
OPENED_IN_PART = {"report": {"data/baselines", "src/twinview/reporting/texts.css"}}
OF_ALL = ("augmentations", "objectives")  # kinds of which a stage lists all files and loads some


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    made = Project(tmp_path_factory.mktemp("pipeline") / "project")
    made.output = made.done("python", "-m", "twinview.cli", "repro")  # type: ignore[attr-defined]
    return made


def test_ends_with_a_table_and_the_way_to_the_report(project: Project) -> None:
    output: str = project.output  # type: ignore[attr-defined]
    for word in ("encoder", "raw_pixels", "supervised", "reports/report.html", "twinview ui"):
        assert word in output


def test_a_second_repro_does_nothing(project: Project) -> None:
    assert "Data and pipelines are up to date" in project.done("dvc", "repro")
    assert project.run("dvc", "status", "-q").returncode == 0


def test_a_change_among_the_files_of_labelled_pairs_is_noticed(project: Project) -> None:
    file = project.folder / paths.LABELLED_PAIRS / "mine.csv"
    for content in ("first,second,alike\n", "first,second,alike\n1,2,1\n"):
        file.write_text(content)
        assert "data/pairs" in project.done("dvc", "status", "prepare")
    file.unlink()
    assert project.run("dvc", "status", "-q", "prepare").returncode == 0


def test_stages_load_what_dvc_yaml_lists_and_nothing_else_but_what_is_aside(
    project: Project,
) -> None:
    stages, declared = _resolved_stages(project), dvc_yaml.load_stages(project.folder)
    assert {record["stage"] for record in project.recorded()} == set(stages) == set(declared)
    for stage, loaded in project.loaded():
        unlisted = _unlisted(loaded, stages[stage], declared[stage])
        assert unlisted == set(), f"{stage} loads {unlisted} unlisted"
        expected = _surely_loaded(project, stage, declared[stage])
        assert expected <= loaded, f"{stage} lists {expected - loaded} and does not load it"


def test_stages_open_the_data_that_dvc_yaml_lists(project: Project) -> None:
    stages = _resolved_stages(project)
    for record in project.recorded():
        data = [o for o in record["opened"] if re.match(r"(data|models|reports|src)/[^.]", o)]
        outs = _outs(project, record["stage"])
        flushed = {str(Path(out).parent) for out in outs}  # the names of what was written there
        data = [o for o in data if not o.endswith((".py", ".pyc", ".part")) and o not in flushed]
        for opened in data:
            allowed = [*stages[record["stage"]], *outs, "data/raw"]
            assert any(Path(opened).is_relative_to(place) for place in allowed), opened


def test_stages_list_no_data_that_they_do_not_open(project: Project) -> None:
    stages = _resolved_stages(project)
    for record in project.recorded():
        data = [d for d in stages[record["stage"]] if _seen_when_opened(project.folder / d)]
        for listed in set(data) - OPENED_IN_PART.get(record["stage"], set()):
            opened = any(Path(path).is_relative_to(listed) for path in record["opened"])
            assert opened, f"{record['stage']} lists {listed} and does not open it"


def test_one_pipeline_is_one_row_linked_to_its_pretraining(project: Project) -> None:
    [row] = project.pipeline_rows()
    pretrained = project.json("models/pretrain_run.json")
    assert row.data.tags["pretrain.run_id"] == pretrained["run_id"]
    assert (
        row.data.metrics["linear.accuracy"]
        == project.json("reports/metrics.json")["linear"]["accuracy"]
    )
    assert row.data.params["pretrain.epochs"] == "2"
    curve = mlflow.MlflowClient().get_metric_history(pretrained["run_id"], "loss")
    assert len(curve) > 2


def test_the_row_s_model_serves_what_was_evaluated(project: Project) -> None:
    test = load_file(project.folder / "data/prepared/test.safetensors")["inputs"]
    said = [row["linear"] for row in load_rows(project.folder / "reports/predictions.csv")]
    embedded = load_file(project.folder / "data/embeddings/test.safetensors")["features"]
    picture = io.BytesIO()
    Image.fromarray(test[0, 0]).save(picture, "PNG")
    with served(project) as ask:
        answers = ask({"inputs": test.tolist()})["predictions"]
        [alone] = ask({"inputs": [base64.b64encode(picture.getvalue()).decode()]})["predictions"]
        for wrong in (test[:2, :, 1:].tolist(), ["aGVsbG8="], (test[:1] / 255).tolist()):
            with pytest.raises(HTTPError, match="400") as refused:
                ask({"inputs": wrong})
            takes = "This model takes uint8 (n, 1, 28, 28), grey, or the bytes of n files"
            assert takes in json.load(refused.value)["message"]
    assert [row["label"] for row in answers] == said
    for row in answers:
        assert max(row["probabilities"], key=row["probabilities"].get) == row["label"]
        assert sum(row["probabilities"].values()) == pytest.approx(1)
    # Float32 sums in batches of another size.
    assert np.allclose([row["features"] for row in answers], embedded, atol=1e-4)
    assert alone["probabilities"] == pytest.approx(answers[0]["probabilities"], abs=1e-5)


@contextlib.contextmanager
def served(project: Project) -> Iterator[Callable[[Any], Any]]:
    """Asks a real server of the row's model; it runs the code that the model brings along."""
    model = project.pipeline_rows()[0].outputs.model_outputs[0].model_id
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = ["mlflow", "models", "serve", "-m", f"models:/{model}", "--env-manager", "local"]
    environment = project.environment | {
        "MLFLOW_TRACKING_URI": f"sqlite:///{project.folder}/mlflow.db",
        "PYTHONPATH": "",
    }
    address = ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]

    def ask(question: Any) -> Any:
        header = {"Content-Type": "application/json"}
        request = Request(f"{url}/invocations", json.dumps(question).encode(), header)
        return json.load(urlopen(request, timeout=commands.LIMIT_S))

    with commands.started(*command, *address, env=environment) as server:
        wait_for(f"{url}/ping", server)
        yield ask


@pytest.mark.slow
def test_equal_training_gives_equal_hashes(project: Project) -> None:
    before = _hashes(project, "pretrain")
    project.done("dvc", "repro", "--force", "--single-item", "pretrain")
    assert _hashes(project, "pretrain") == before


def test_the_head_s_outputs_are_probed_beside_the_features(project: Project) -> None:
    found = json.loads((project.folder / paths.EVALUATION).read_text())["contenders"]
    assert found[paths.OURS_Z]["linear"] != found[paths.OURS]["linear"]
    assert "encoder z" in (project.folder / "reports/report.html").read_text()


@pytest.mark.slow
def test_a_second_run_from_scratch_gives_equal_features_and_metrics(project: Project) -> None:
    before = _hashes(project, *EQUAL)
    shutil.rmtree(project.folder / paths.CHECKPOINTS)
    project.done("dvc", "repro", "--force", "--no-run-cache", "evaluate")
    assert {str(paths.METRICS), str(paths.BASELINE_METRICS), str(paths.EMBEDDINGS)} <= set(before)
    assert _hashes(project, *EQUAL) == before


def test_an_edited_view_cache_is_refused_and_nothing_is_lost(project: Project) -> None:
    weights = project.folder / "models/encoder/encoder.safetensors"
    before = weights.read_bytes()
    with project.edited("data/views/views-00000.npy", lambda old: old[:-1] + b"\x07"):
        said = project.refused("python", "-m", "pipeline.pretrain")
    assert "views-00000.npy is truncated or edited" in said
    assert weights.read_bytes() == before


def test_a_truncated_split_is_refused(project: Project) -> None:
    with project.edited("data/prepared/test.safetensors", lambda old: old[:-100]):
        said = project.refused("python", "-m", "pipeline.embed")
    assert "data/prepared/test.safetensors is broken" in said


def test_weights_of_another_architecture_are_refused(project: Project) -> None:
    with project.edited(
        "models/encoder/encoder.json", lambda old: old.replace(b"      16\n", b"      12\n")
    ):
        said = project.refused("python", "-m", "pipeline.embed")
    assert "encoder.safetensors is of another architecture" in said


def test_a_typo_anywhere_stops_every_stage_with_all_faults(project: Project) -> None:
    def misspell(old: bytes) -> bytes:
        return old.replace(b"temperature: 0.2", b"temprature: 0.2").replace(
            b"epochs: 2", b"epochs: 0"
        )

    with project.edited("params.yaml", misspell):
        said = project.refused("python", "-m", "pipeline.prepare")
    assert "did you mean 'temperature'" in said
    assert "pretrain.epochs" in said


def test_a_second_run_in_the_same_folder_is_refused(project: Project) -> None:
    with FileLock(project.folder / ".dvc/tmp/twinview.repro.lock"):
        said = project.refused("python", "-m", "twinview.cli", "repro")
    assert "another run is at work" in said


def test_runs_outside_git_and_says_what_is_missing(project: Project, tmp_path: Path) -> None:
    shutil.copytree(project.folder, tmp_path / "plain", ignore=shutil.ignore_patterns(".git"))
    said = commands.output(
        *("python", "-m", "twinview.cli", "repro", "prepare"),
        limit_s=commands.LONG_S,
        cwd=tmp_path / "plain",
        env=project.environment | {"PYTHONPATH": f"{tmp_path}/plain/src"},
    )
    assert "not a git repository" in said


@pytest.mark.slow
def test_two_processes_train_as_one_and_write_once(project: Project) -> None:
    alone, runs = project.losses(), project.trainings()
    launcher = ("torchrun", "--standalone", "--nproc-per-node", "2")
    said = project.done(*launcher, "-m", "pipeline.pretrain")
    assert said.count("pretrain: healthy") == 1 and project.trainings() == runs + 1
    # Sums in another order: AdamW, which divides by small numbers, lets it grow from step to step.
    assert project.losses()[:3] == pytest.approx(alone[:3], abs=1e-3)
    assert project.losses() == pytest.approx(alone, abs=0.1) and alone[0] - alone[-1] > 0.5
    project.done("dvc", "checkout", "--force")


@pytest.mark.slow
def test_experiments_are_compared(project: Project) -> None:
    project.done("git", "add", "-A")
    project.done("git", "commit", "-qm", "results")
    project.done("dvc", "exp", "run", "--name", "one", "-S", "pretrain.epochs=3")
    project.done("dvc", "exp", "run", "--temp", "--name", "live", "-S", "views.mode=live")
    shown = project.done("dvc", "exp", "show", "--csv", "--no-pager")
    assert "one" in shown
    assert "live" in shown
    names = {row.info.run_name for row in project.pipeline_rows()}
    assert "epochs 3" in names and any("mode live" in name for name in names)
    assert "linear.accuracy" in project.done("dvc", "metrics", "diff", "HEAD")
    assert "pretrain.epochs" in project.done("dvc", "params", "diff", "HEAD")
    stages, declared = _resolved_stages(project), dvc_yaml.load_stages(project.folder)
    for stage, loaded in project.loaded():  # the live run's among them
        unlisted = _unlisted(loaded, stages[stage], declared[stage])
        assert unlisted == set(), f"{stage} loads {unlisted} unlisted"


def _resolved_stages(project: Project) -> dict[str, list[str]]:
    """The dependencies of every stage as dvc.lock has them, names filled in."""
    lock = YAML(typ="safe").load((project.folder / "dvc.lock").read_text())
    return {name: [d["path"] for d in stage["deps"]] for name, stage in lock["stages"].items()}


def _outs(project: Project, stage: str) -> list[str]:
    lock = YAML(typ="safe").load((project.folder / "dvc.lock").read_text())
    return [out["path"] for out in lock["stages"][stage].get("outs", [])]


def _seen_when_opened(path: Path) -> bool:
    """Code is imported, from caches too; safetensors opens its files where Python does not see."""
    files = path.rglob("*.*") if path.is_dir() else [path]
    # .dvcignore hides .gitkeep from DVC, and the scan stands for files that this source has not.
    files = [file for file in files if file.name not in (".gitkeep", paths.SCAN.name)]
    return any(file.suffix not in (".py", ".safetensors") for file in files)


def _unlisted(loaded: set[str], deps: list[str], stage: Stage) -> set[str]:
    """What a stage loaded that could change its result, and is no dependency."""
    found = loaded - set(deps)
    return {m for m in found if not is_aside(imports.module_of(Path(m)), stage.counted)}


def _surely_loaded(project: Project, name: str, stage: Stage) -> set[str]:
    """The code of a stage but the augmentations and objectives, of which it lists all.

    What texts need, and tasks for texts, are loaded when there are texts.
    """
    for_texts = {f"src/twinview/tasks/{task}.py" for task in of_modality("tasks", "text")}
    kinds = [f"src/twinview/{kind}/" for kind in stage.plug_ins if kind not in OF_ALL]
    deps = set(_resolved_stages(project)[name]) - for_texts
    files = [f"pipeline/{name}.py", *(dep for dep in deps if dep.startswith(tuple(kinds)))]
    code = imports.dependencies(map(Path, files), project.folder, stage.counted)
    return {str(path) for path in code if path.suffix == ".py" and path.parent.name != "texts"}


def _hashes(project: Project, *stages: str) -> dict[str, str]:
    """Of the stages' outs, but of the one that says when and where."""
    lock = YAML(typ="safe").load((project.folder / "dvc.lock").read_text())
    outs = [out for stage in stages for out in lock["stages"][stage]["outs"]]
    return {out["path"]: out["md5"] for out in outs if out["path"] != str(paths.PRETRAIN_RUN)}
