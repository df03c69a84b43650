"""twinview clean, on a small project of real DVC: what it says is what goes, and nothing else."""

import json
import os
import shutil
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.commands import git, output, started
from tests.support.refusing import refuse
from twinview.cli import main
from twinview.core import locks
from twinview.core.commands import GitError
from twinview.core.errors import BusyError, ConfigError, DataError
from twinview.experiments import disk, dvc_cache
from twinview.release import clean
from twinview.stages import stage

# Two stages in shell; the second's result is its setting.
PIPELINE = """
stages:
  views:
    cmd: mkdir -p data/views && cp width data/views/plan && head -c 9000 /dev/zero > data/views/0
    deps: [width]
    outs: [data/views]
  pretrain:
    cmd: >-
      mkdir -p models && cp data/views/plan models &&
      cat data/views/plan params.yaml > models/encoder
    deps: [data/views]
    params: [rate]
    outs: [models/encoder, models/plan]
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


def test_where_git_refuses_no_commit_s_results_are_called_unused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`dvc gc` of the workspace alone would remove those of every commit."""
    git("init", "-q")
    refuse(monkeypatch)
    monkeypatch.setattr(clean.experiments, "dvc", lambda *given: pytest.fail("removed"))
    with pytest.raises(GitError, match="dubious ownership"):
        clean._unused()


def run_with(rate: int) -> None:
    Path("params.yaml").write_text(f"rate: {rate}\n")
    dvc("repro")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Rates 1 and 3 are committed, 2 was tried and forgotten, 4 is an experiment."""
    folder, before = tmp_path_factory.mktemp("clean") / "made", Path.cwd()
    folder.mkdir()
    os.chdir(folder)
    git("init", "-q")
    dvc("init")
    Path(".dvc/config").write_text("[core]\nanalytics = false\n[cache]\ntype = hardlink\n")
    Path("dvc.yaml").write_text(PIPELINE)
    Path("width").write_text("8")
    for rate in (1, 2, 3):
        run_with(rate)
        if rate != 2:
            git("add", "-A")
            git("commit", "-qm", f"rate {rate}")
    dvc("exp", "run", "--temp", "--name", "four", "-S", "rate=4")
    for name, content in {
        "data/raw/a": "raw",
        "build/smoke/params.yaml": "smoke",
        "build/other": "other",
        "data/.views.abc.part/0": "half",
        ".dvc/tmp/exps/standalone/tmpab/data/x": "copy",
        ".dvc/tmp/exps/tmpcd/params.yaml": "copy",
        ".dvc/tmp/exps/celery/tmp-mine": "queue",
        ".dvc/tmp/twinview/checkpoints/0123/step-000000004.safetensors": "checkpoint",
        ".dvc/tmp/twinview/checkpoints/shelf.lock": "",
    }.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(content)
    os.link("models/encoder", ".dvc/tmp/exps/standalone/tmpab/encoder")
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
    found = {path: path.read_bytes() for path in disk.files(Path()) if path.is_file()}
    locks = {path for path in found if path.suffix == ".lock" and path != Path("dvc.lock")}
    return {p: text for p, text in found.items() if p.name not in HOUSEKEEPING and p not in locks}


def gone(names: list[str]) -> set[str]:
    """The files that a removal takes; those that it leaves are as they were."""
    before = content()
    clean.remove(names, stage.progress)
    after = content()
    assert all(after[path] == before.get(path) for path in after)
    return {str(path) for path in before.keys() - after.keys()}


def cached(test: Callable[[bytes], bool]) -> set[str]:
    """The files of DVC's cache with such a content."""
    files = disk.files(Path(".dvc/cache/files"))
    return {str(path) for path in files if test(path.read_bytes())}


def below(*folders: str) -> set[str]:
    return {str(path) for folder in folders for path in disk.files(Path(folder))}


def views_and_cache() -> set[str]:
    """models/plan has the content of data/views/plan, which therefore stays in the cache."""
    listing = cached(lambda text: b"relpath" in text)
    own = cached(lambda text: text == bytes(9000))
    return below("data/views", "data/.views.abc.part") | listing | own


EXPECTED: dict[str, Callable[[], set[str]]] = {
    "checkpoints": lambda: below(".dvc/tmp/twinview/checkpoints/0123"),
    "copies": lambda: below(".dvc/tmp/exps/standalone/tmpab", ".dvc/tmp/exps/tmpcd"),
    "unused": lambda: cached(lambda text: text == b"8rate: 2\n"),
    "runs": lambda: below(".dvc/cache/runs"),
    "views": views_and_cache,
    "experiments": lambda: {
        str(path) for path in disk.files(Path(".git/refs/exps")) if path.name == "four"
    },
    "rows": set,
    "smoke": lambda: below("build/smoke"),
}


def test_every_name_is_tried_here() -> None:
    assert EXPECTED.keys() == set(clean.NAMES)


@pytest.mark.parametrize("name", clean.NAMES)
def test_what_is_named_goes_and_nothing_else(name: str, project: Path) -> None:
    expected = EXPECTED[name]()
    assert gone([name]) == expected and (name == "rows" or expected)
    assert reproduced() == (["views"] if name == "views" else [])


@pytest.mark.slow
def test_it_says_what_removal_frees(project: Path) -> None:
    said = clean.parts(stage.progress)
    assert said["copies"].frees == 4096 * 2  # the encoder's other name is the cache's
    for name in ("unused", "smoke", "copies", "checkpoints", "views"):
        assert clean.remove([name], stage.progress) == {name: said[name].frees}


@pytest.mark.slow
def test_what_it_calls_unused_is_what_dvc_would_remove(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    found = dvc_cache.look(stage.progress)
    every = ["--workspace", "--all-commits", "--all-experiments"]
    said = output(sys.executable, "-m", "dvc", "gc", *every, "--dry")
    paths = [line.removeprefix("Removing ") for line in said.splitlines() if "/files/" in line]
    assert sorted(paths) == sorted(map(str, found.unused())) and len(paths) == 1


@pytest.mark.slow
def test_results_of_experiments_are_unused_once_they_are_removed(project: Path) -> None:
    only = cached(lambda text: text in (b"8rate: 4\n", b"8rate: 2\n"))
    assert len(only) == 2
    assert gone(["unused", "experiments"]) >= only


def test_nothing_is_removed_unless_it_is_named(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = content()
    assert main(["clean", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert content() == before
    assert found["removable"].keys() == set(clean.NAMES) and found["kept"]["data/raw"] == 4096
    assert main(["clean", "zzz", "unused"]) == 1
    assert "there is no 'zzz'" in capsys.readouterr().err and content() == before


def test_a_link_goes_and_what_it_points_to_stays(project: Path) -> None:
    shutil.rmtree("build/smoke")
    Path("build/smoke").symlink_to(project / "data/raw")
    clean.remove(["smoke"], stage.progress)
    assert not Path("build/smoke").is_symlink() and Path("data/raw/a").exists()


def test_what_a_stage_at_work_needs_is_refused(project: Path) -> None:
    before = content()
    with stage.alone("pretrain"):
        for name in set(clean.NAMES) - {"smoke", "rows"}:
            with pytest.raises(BusyError, match="another run is at work"):
                clean.remove(["smoke", name], stage.progress)
    assert content() == before


def test_the_checkpoints_of_a_training_at_work_are_refused(project: Path) -> None:
    """It may be one in a temporary copy, whose own locks are elsewhere."""
    place = project / ".dvc/tmp/twinview/checkpoints/0123"
    with (
        locks.held(place.with_name("0123.lock"), print),
        pytest.raises(BusyError, match="training"),
    ):
        clean.remove(["checkpoints"], stage.progress)
    assert list(place.iterdir())


@pytest.mark.parametrize(
    ("name", "place"), [("copies", ".dvc/tmp/exps/tmpcd"), ("smoke", "build/smoke")]
)
def test_a_folder_that_a_process_works_in_is_refused(name: str, place: str, project: Path) -> None:
    with (
        started("sleep", "600", cwd=place) as process,
        pytest.raises(BusyError, match=f"process {process.pid} .sleep 600. is at work in"),
    ):
        clean.remove([name], stage.progress)
    assert Path(place).exists()


def test_dvc_at_work_is_refused(project: Path) -> None:
    """Also between two stages, when no stage has its lock."""
    with (
        started(sys.executable, "-c", "import time; time.sleep(600)", "dvc") as other,
        pytest.raises(BusyError, match=f"process {other.pid}"),
    ):
        clean.remove(["views"], stage.progress)


def test_a_cache_that_others_may_share_is_left_alone(project: Path, tmp_path: Path) -> None:
    shutil.copytree(".dvc/cache", tmp_path / "shared")
    with Path(".dvc/config").open("a") as config:
        config.write(f"dir = {tmp_path / 'shared'}\n")
    before = below(str(tmp_path / "shared"))
    for name in ("unused", "views", "runs"):
        with pytest.raises(ConfigError, match="outside of this project"):
            clean.remove([name], stage.progress)
    assert below(str(tmp_path / "shared")) == before
    assert clean.parts(stage.progress)["unused"].frees == 0
    checkpoints = EXPECTED["checkpoints"]()
    assert gone(["checkpoints"]) == checkpoints and checkpoints


def test_outside_a_project_there_is_nothing_to_clean(folder: Path) -> None:
    with pytest.raises(ConfigError, match="is no DVC project"):
        clean.remove(["smoke"], stage.progress)


def test_a_broken_lock_file_of_dvc_is_told(project: Path) -> None:
    Path("dvc.lock").write_text("stages: [")
    with pytest.raises(DataError, match=r"dvc\.lock is broken .*`git checkout HEAD dvc\.lock`"):
        clean.parts(stage.progress)


def test_a_file_of_two_names_is_free_when_both_are_gone(folder: Path) -> None:
    one, two = folder / "one", folder / "two"
    one.write_bytes(bytes(5000))
    os.link(one, two)
    assert disk.taken([one, two]) == disk.freed([one, two]) == 8192
    assert disk.freed([one]) == disk.freed([one, one]) == disk.freed([folder / "none"]) == 0
