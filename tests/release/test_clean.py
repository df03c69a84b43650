"""twinview clean, on a small project of real DVC: what is named goes, and nothing else."""

import json
import os
import shutil
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import mlflow
import pytest

from tests.support.commands import git, output, started
from twinview.cli import main
from twinview.core import locks
from twinview.core.errors import BusyError, ConfigError, DataError
from twinview.experiments import disk
from twinview.release import clean
from twinview.stages import stage
from twinview.tracking import mlflow_runs, stores

# Two stages in shell; the second's result is its setting.
PIPELINE = """
stages:
  views:
    cmd: mkdir -p data/views && cp width data/views/plan && head -c 9000 /dev/zero > data/views/0
    deps: [width]
    outs: [data/views]
  pretrain:
    cmd: mkdir -p models && cat data/views/plan params.yaml > models/encoder
    deps: [data/views]
    params: [rate]
    outs: [models/encoder]
"""
HOUSEKEEPING = ("lock", "rwlock", "btime", "index", "ORIG_HEAD", "COMMIT_EDITMSG")
Kept = dict[Path, bytes]


def dvc(*arguments: str) -> None:
    """In this process, since DVC takes a second to load; its own warnings are not ours."""
    from dvc.cli import main as run

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert run([*arguments, "-q"]) == 0


def reproduced() -> list[str]:
    """The stages that `dvc repro` has to run."""
    from dvc.repo import Repo

    with warnings.catch_warnings(), Repo() as repository:
        warnings.simplefilter("ignore")
        ran = [one.name for one in repository.reproduce()]
        assert repository.status() == {}
    return ran


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A committed run, one that was tried and forgotten, and what commands leave on the disk."""
    folder, before = tmp_path_factory.mktemp("clean") / "made", Path.cwd()
    folder.mkdir()
    os.chdir(folder)
    git("init", "-q")
    dvc("init")
    Path(".dvc/config").write_text("[core]\nanalytics = false\n[cache]\ntype = hardlink\n")
    Path("dvc.yaml").write_text(PIPELINE)
    Path("width").write_text("8")
    for rate in (1, 2):
        Path("params.yaml").write_text(f"rate: {rate}\n")
        dvc("repro")
    git("add", "-A")
    git("commit", "-qm", "rate 2")
    for name, content in {
        "data/raw/a": "raw",
        "build/smoke/params.yaml": "smoke",
        "data/.views.abc.part/0": "half",
        "data/decoded/ab/01.uint8": "decoded",
        "data/decoded/ab.lock": "",
        ".dvc/tmp/exps/standalone/tmpab/data/x": "copy",
        ".dvc/tmp/exps/tmpcd/params.yaml": "copy",
        ".dvc/tmp/twinview/checkpoints/0123/step-000000004.safetensors": "checkpoint",
        ".dvc/tmp/twinview/checkpoints/shelf.lock": "",
    }.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(content)
    yield folder
    os.chdir(before)


@pytest.fixture
def project(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the made project, hard links as they are, that is the current folder."""
    folder = tmp_path / "project"
    output("cp", "-a", made, folder)
    monkeypatch.chdir(folder)
    return folder


def content() -> Kept:
    """All files but those that git and DVC rewrite for themselves."""
    found = {path: path.read_bytes() for path in disk.list_files(Path()) if path.is_file()}
    locks = {path for path in found if path.suffix == ".lock" and path != Path("dvc.lock")}
    return {p: text for p, text in found.items() if p.name not in HOUSEKEEPING and p not in locks}


def gone(names: list[str]) -> set[str]:
    """The files that a removal takes; those that it leaves are as they were."""
    before = content()
    clean.remove(names)
    after = content()
    assert all(after[path] == before.get(path) for path in after)
    return {str(path) for path in before.keys() - after.keys()}


def cached(test: Callable[[bytes], bool]) -> set[str]:
    """The files of DVC's cache with such a content."""
    files = disk.list_files(Path(".dvc/cache/files"))
    return {str(path) for path in files if test(path.read_bytes())}


def below(*folders: str) -> set[str]:
    return {str(path) for folder in folders for path in disk.list_files(Path(folder))}


def test_checkpoints_go_and_nothing_else(project: Path) -> None:
    expected = below(".dvc/tmp/twinview/checkpoints/0123")
    assert expected and gone(["checkpoints"]) == expected
    assert reproduced() == []


def test_decoded_pictures_go_and_nothing_else(project: Path) -> None:
    expected = below("data/decoded")
    assert len(expected) == 2 and gone(["decoded"]) == expected - {"data/decoded/ab.lock"}
    assert not Path("data/decoded/ab.lock").exists() and reproduced() == []


def test_views_go_from_dvc_s_cache_too_and_are_rendered_again(project: Path) -> None:
    own = cached(lambda text: text in (b"8", bytes(9000)) or b"relpath" in text)
    expected = below("data/views", "data/.views.abc.part") | own
    assert len(own) == 3 and gone(["views"]) == expected
    assert reproduced() == ["views"]


def test_damaged_views_come_back_from_dvc_until_they_are_cleaned(project: Path) -> None:
    """The file in the folder is that of the cache, by a hard link; DVC trusts it."""
    damaged = Path("data/views/0")
    damaged.chmod(0o644)
    with damaged.open("r+b") as file:
        file.write(b"damage")
    damaged.chmod(0o444)
    dvc("repro", "--force", "--single-item", "views")
    assert damaged.read_bytes().startswith(b"damage")
    clean.remove(["views"])
    dvc("repro")
    assert damaged.read_bytes() == bytes(9000)


def test_without_a_name_it_lists_what_lies_there_and_removes_nothing(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = content()
    assert main(["clean", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert content() == before and found.keys() == clean._PARTS.keys()
    assert found["copies of killed experiments"]["bytes"] == 2 * found["data/raw"]["bytes"] == 8192
    assert {name for name, part in found.items() if not part["bytes"]} == {"MLflow's runs"}


def run(command: str) -> None:
    """As a user does, in whose PATH DVC and MLflow are."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {k: v for k, v in os.environ.items() if k != "MLFLOW_TRACKING_URI"}
    output("bash", "-c", command, env=environment | {"PATH": path})


def test_each_command_that_it_lists_empties_its_part(project: Path) -> None:
    """The commands of twinview run above, that of MLflow below."""
    for name, part in clean.parts().items():
        if part.command.startswith("rm"):
            run(part.command)
            assert clean.parts()[name].bytes == 0, name
    part = clean.parts()["DVC's cache"]
    run(f"{part.command} --force")  # else it asks
    assert not cached(lambda text: text == b"8rate: 1\n") and reproduced() == []


@pytest.mark.slow
def test_mlflow_s_command_removes_deleted_runs_and_no_registered_model(folder: Path) -> None:
    experiment = mlflow_runs._experiment(mlflow_runs.PIPELINE)
    client = mlflow.MlflowClient(stores.store())
    for number in range(2):
        run_id = client.create_run(experiment).info.run_id
        client.log_text(run_id, f"page {number}", "page.html")
        model = client.create_logged_model(experiment, str(number), run_id)
        client.create_registered_model(f"model-{number}")
        client.create_model_version(f"model-{number}", model.model_uri, run_id)
    client.delete_run(run_id)
    mlflow.set_tracking_uri(None)
    run(clean.parts()["MLflow's runs"].command)
    assert [path.read_text() for path in Path("mlartifacts").rglob("page.html")] == ["page 0"]
    assert client.get_model_version("model-1", "1").status == "READY"


def test_a_name_that_it_cannot_remove_is_told(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = content()
    assert main(["clean", "rows", "views"]) == 1
    assert "cannot remove 'rows': it removes checkpoints, decoded, views" in capsys.readouterr().err
    assert content() == before


def test_a_link_goes_and_what_it_points_to_stays(project: Path) -> None:
    shutil.rmtree("data/views")
    Path("data/views").symlink_to(project / "data/raw")
    clean.remove(["views"])
    assert not Path("data/views").is_symlink() and Path("data/raw/a").exists()


def test_what_a_stage_at_work_needs_is_refused(project: Path) -> None:
    before = content()
    with stage.folder_lock("pretrain"):
        for name in clean.NAMES:
            with pytest.raises(BusyError, match="another run is at work"):
                clean.remove([name])
    assert content() == before


def test_the_checkpoints_of_a_training_at_work_are_refused(project: Path) -> None:
    """It may be one in a temporary copy, whose own locks are elsewhere."""
    place = project / ".dvc/tmp/twinview/checkpoints/0123"
    with (
        locks.file_lock(place.with_name("0123.lock"), print),
        pytest.raises(BusyError, match="training"),
    ):
        clean.remove(["checkpoints"])
    assert list(place.iterdir())


def test_an_experiment_at_work_is_refused(project: Path) -> None:
    with (
        started("sleep", "600", cwd=".dvc/tmp/exps/tmpcd") as process,
        pytest.raises(BusyError, match=f"process {process.pid} .sleep 600. is at work in"),
    ):
        clean.remove(["views"])
    assert Path("data/views").exists()


def test_dvc_at_work_is_refused(project: Path) -> None:
    """Also between two stages, when no stage has its lock."""
    with (
        started(sys.executable, "-c", "import time; time.sleep(600)", "dvc") as other,
        pytest.raises(BusyError, match=f"process {other.pid}"),
    ):
        clean.remove(["views"])


def test_a_cache_that_others_may_share_is_left_alone(project: Path, tmp_path: Path) -> None:
    shutil.copytree(".dvc/cache", tmp_path / "shared")
    with Path(".dvc/config").open("a") as config:
        config.write(f"dir = {tmp_path / 'shared'}\n")
    before = below(str(tmp_path / "shared"), "data")
    with pytest.raises(ConfigError, match="outside of this project"):
        clean.remove(["checkpoints", "views"])
    assert below(str(tmp_path / "shared"), "data") == before
    assert gone(["checkpoints"]) == {
        ".dvc/tmp/twinview/checkpoints/0123/step-000000004.safetensors"
    }


def test_a_broken_lock_file_of_dvc_is_told(project: Path) -> None:
    Path("dvc.lock").write_text("stages: [")
    with pytest.raises(DataError, match=r"dvc\.lock is broken .*`git checkout HEAD dvc\.lock`"):
        clean.remove(["views"])


def test_a_file_of_two_names_takes_its_place_once(folder: Path) -> None:
    one, two = folder / "one", folder / "two"
    one.write_bytes(bytes(5000))
    os.link(one, two)
    assert disk.disk_usage([one, two]) == disk.disk_usage([folder]) == 8192
    assert disk.disk_usage([folder / "none"]) == 0
