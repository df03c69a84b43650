"""Pretrainings that are killed at chosen moments: nothing is lost, the result is the same."""

import os
import re
import shutil
import signal
from collections.abc import Iterator

import mlflow
import pytest

from tests.support import commands
from tests.support.killed import SETTINGS, Copy
from tests.support.workspace import make_workspace, tiny_params
from twinview.core import paths

pytestmark = pytest.mark.slow  # in seconds, tests/contracts/test_resume.py kills within a process
SLOWLY = 0.001  # a learning rate of experiments


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """Not to be trained in: the copies start from it."""
    folder = tmp_path_factory.mktemp("kill") / "made"
    own = Copy(folder, make_workspace(folder, tiny_params(SETTINGS)))
    own.done("dvc", "repro", "views")
    return own


@pytest.fixture(scope="module")
def through(made: Copy) -> dict[str, str]:
    """The results of a training that nobody killed."""
    own = copy_of(made, "through")
    own.done("python", "-m", "pipeline.pretrain")
    return own.results()


@pytest.fixture(scope="module")
def through_slowly(made: Copy) -> dict[str, str]:
    """The same with the experiments' learning rate."""
    own = copy_of(made, "through_slowly")
    slowly = {"pretrain": SETTINGS["pretrain"] | {"learning_rate": SLOWLY}}
    (own.folder / "params.yaml").write_text(tiny_params(slowly))
    own.done("python", "-m", "pipeline.pretrain")
    return own.results()


@pytest.fixture
def project(made: Copy, request: pytest.FixtureRequest) -> Iterator[Copy]:
    own = copy_of(made, re.sub(r"\W", "_", request.node.name))
    yield own
    commands.end_all(own.folder)
    mlflow.set_tracking_uri(None)
    shutil.rmtree(own.folder)


def copy_of(made: Copy, name: str) -> Copy:
    folder = made.folder.with_name(name)
    commands.output("cp", "-a", made.folder, folder)
    return Copy(folder, made.environment)


def test_a_training_that_was_killed_again_and_again_ends_like_one_that_was_not(
    project: Copy, through: dict[str, str]
) -> None:
    moments = {
        "mlflow.db": 0,  # MLflow's first contact with its database
        "step-000000004.safetensors": 0,  # before the first checkpoint is there
        "step-000000012.safetensors": 8,
        "models/encoder": 18,
        "results.json": 18,  # all outs are written
        "-step-000000016.safetensors": 18,  # and noted; no checkpoint is deleted yet
    }
    for number, (moment, goes_on_later_from) in enumerate(moments.items()):
        killed = project.pretrain(f"{moment} self SIGKILL")
        assert killed.returncode == -signal.SIGKILL, killed.stdout + killed.stderr
        before = [0, *moments.values()][number]
        assert (f"goes on after step {before} of 18" in killed.stdout) == (before > 0)
        assert newest(project) == goes_on_later_from
    assert "goes on after step 18 of 18" in project.done("python", "-m", "pipeline.pretrain")
    assert project.results() == through
    assert_one_run_with_each_step_once(project)


def newest(project: Copy) -> int:
    saved = (project.folder / paths.CHECKPOINTS).glob("*/step-*.safetensors")
    return max((int(path.stem.removeprefix("step-")) for path in saved), default=0)


def assert_one_run_with_each_step_once(project: Copy) -> None:
    (run,) = project.mlflow_runs()
    client = mlflow.MlflowClient()
    told = [metric.step for metric in client.get_metric_history(run.info.run_id, "loss")]
    assert run.info.status == "FINISHED" and told == list(range(1, 19))


def test_sigterm_saves_the_step_it_comes_in(project: Copy, through: dict[str, str]) -> None:
    stopped = project.pretrain("step-000000004.safetensors self SIGTERM")
    assert stopped.returncode == 1 and "Traceback" not in stopped.stderr
    assert "twinview: stopped by SIGTERM after step 5 of 18; `dvc repro`" in stopped.stderr
    assert newest(project) == 5 and project.mlflow_runs()[0].info.status == "KILLED"
    project.done("python", "-m", "pipeline.pretrain")
    assert project.results() == through
    assert_one_run_with_each_step_once(project)


def test_ctrl_c_saves_the_step_it_comes_in(project: Copy, through: dict[str, str]) -> None:
    stopped = project.run(
        "dvc", "repro", "pretrain", kill="step-000000004.safetensors group SIGINT"
    )
    assert stopped.returncode != 0 and "stopped by SIGINT after step 5 of 18" in stopped.stderr
    assert newest(project) == 5 and project.mlflow_runs()[0].info.status == "KILLED"
    assert "goes on after step 5 of 18" in project.done("dvc", "repro", "pretrain")
    assert project.results() == through
    assert_one_run_with_each_step_once(project)


def test_a_trainer_that_is_killed_under_a_living_dvc_goes_on(
    project: Copy, through: dict[str, str]
) -> None:
    failed = project.run("dvc", "repro", "pretrain", kill="step-000000012.safetensors self SIGKILL")
    assert failed.returncode > 0, "DVC lives, and says that the stage failed"
    assert "goes on after step 8 of 18" in project.done("dvc", "repro", "pretrain")
    assert project.results() == through


def test_a_dvc_that_is_killed_before_it_records_trains_nothing_anew(
    project: Copy, through: dict[str, str]
) -> None:
    killed = project.run("dvc", "repro", "pretrain", kill="dvc.lock self SIGKILL")
    assert killed.returncode == -signal.SIGKILL and project.results() == through
    assert "goes on after step 18 of 18" in project.done("dvc", "repro", "pretrain")
    assert project.results() == through
    assert_one_run_with_each_step_once(project)


def test_a_killed_training_in_the_default_arithmetic_goes_on(made: Copy, project: Copy) -> None:
    """On two threads, in bfloat16 where the processor has it."""
    text = tiny_params({"pretrain": SETTINGS["pretrain"] | {"threads": 2, "precision": "auto"}})
    whole = copy_of(made, "through_by_default")
    for own in (project, whole):
        (own.folder / "params.yaml").write_text(text)
    whole.done("python", "-m", "pipeline.pretrain")
    project.pretrain("step-000000012.safetensors self SIGKILL")
    assert "goes on after step 8 of 18" in project.done("python", "-m", "pipeline.pretrain")
    assert project.results() == whole.results()


def test_the_orphan_of_a_killed_dvc_is_named_and_nothing_is_lost(
    project: Copy, through: dict[str, str]
) -> None:
    killed = project.run(
        "dvc", "repro", "pretrain", kill="step-000000012.safetensors leader SIGKILL"
    )
    assert killed.returncode == -signal.SIGKILL
    orphan = project.trainer()
    refused = project.run("dvc", "repro", "pretrain")
    assert (
        refused.returncode != 0 and f"another run is at work in {project.folder}" in refused.stderr
    )
    assert f"process {orphan}, perhaps of a DVC that was killed" in refused.stderr
    os.kill(orphan, signal.SIGKILL)
    assert "goes on after step 8 of 18" in project.done("dvc", "repro", "pretrain")
    assert project.results() == through
    assert "up to date" in project.done("dvc", "repro", "pretrain")


def test_a_training_whose_dvc_was_killed_at_its_end_is_recorded_without_training_anew(
    project: Copy, through: dict[str, str]
) -> None:
    killed = project.run("dvc", "repro", "pretrain", kill="results.json group SIGKILL")
    assert killed.returncode == -signal.SIGKILL
    assert "goes on after step 18 of 18" in project.done("dvc", "repro", "pretrain")
    assert project.results() == through
    forced = project.done("dvc", "repro", "--force", "--single-item", "pretrain")
    assert "goes on" not in forced and project.results() == through
    assert len(project.mlflow_runs()) == 2


def test_two_processes_lose_no_more_and_embed_the_same_features(project: Copy) -> None:
    project.done("torchrun", "--standalone", "--nproc-per-node", "2", "-m", "pipeline.pretrain")
    by_hand = project.results()
    project.done("python", "-m", "pipeline.embed")
    features = (project.folder / "data/embeddings/train.safetensors").read_bytes()
    shutil.rmtree(project.folder / paths.CHECKPOINTS)
    settings = project.folder / "params.yaml"
    settings.write_text(settings.read_text().replace("processes: 1", "processes: 2"))

    # The stage is told to stop; the first of its processes is killed, then the other.
    for order, status, said in (
        ("step-000000004.safetensors stage SIGTERM", 143, "stopped by SIGTERM after step"),
        ("step-000000012.safetensors self SIGKILL", 1, "process 0 of 2 was killed by SIGKILL"),
        ("step-000000016.safetensors follower SIGKILL", 1, "process 1 of 2 was killed by SIGKILL"),
    ):
        before, ended = newest(project), project.pretrain(order)
        assert ended.returncode == status and newest(project) >= before
        assert said in ended.stderr and ended.stderr.count("twinview:") == 1
        assert "Traceback" not in ended.stderr
    assert "goes on after step 16 of 18" in project.done("dvc", "repro", "pretrain")
    assert project.results() == by_hand
    project.done("python", "-m", "pipeline.embed")
    assert (project.folder / "data/embeddings/train.safetensors").read_bytes() == features


@pytest.mark.parametrize("where", [(), ("--temp",)])
def test_an_experiment_that_was_killed_goes_on(
    where: tuple[str, ...], project: Copy, through_slowly: dict[str, str]
) -> None:
    project.done("git", "add", "-A")
    project.done("git", "commit", "-qm", "made")
    command = (
        "dvc",
        "exp",
        "run",
        *where,
        "--name",
        "one",
        "-S",
        f"pretrain.learning_rate={SLOWLY}",
        "pretrain",
    )
    killed = project.run(*command, kill="step-000000012.safetensors group SIGKILL")
    assert killed.returncode == -signal.SIGKILL
    assert "goes on after step 8 of 18" in project.done(*command)
    project.run("dvc", "exp", "apply", "one")  # it fails for the stages after, which have not run
    assert project.results() == through_slowly
    assert_one_run_with_each_step_once(project)
