"""DVC's experiments, which git does not find by their names alone."""

import json
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.support.commands import git, output
from twinview.core.errors import ConfigError, DataError
from twinview.experiments import dvc_experiments, recorded_run

NAME = "measure-1"


def repository() -> str:
    """Two commits in this folder; the second is the experiment of the first. Gives the first."""
    git("init", "-q")
    for text in ("before", "after"):
        Path("m.json").write_text(text)
        git("add", "m.json")
        git("commit", "-qm", text)
    base = dvc_experiments.git("rev-parse", "HEAD^")
    assert base is not None
    ref = f"refs/exps/{base[:2]}/{base[2:]}/{NAME}"  # as DVC keeps them
    git("update-ref", ref, "HEAD")
    return base


def test_an_experiment_is_found_by_its_name(folder: Path) -> None:
    base = repository()
    assert dvc_experiments.base_commit(NAME) == base
    assert recorded_run.of_experiment(NAME).read(Path("m.json")) == "after"


def test_what_there_is_not_is_named(folder: Path) -> None:
    repository()
    assert dvc_experiments.base_commit("measure-2") is None
    with pytest.raises(DataError, match=r"DVC has no experiment measure-2"):
        recorded_run.of_experiment("measure-2")
    with pytest.raises(DataError, match=r"the experiment measure-1 has no other\.json"):
        recorded_run.of_experiment(NAME).read(Path("other.json"))


def test_what_was_queued_in_the_folder_that_this_is_a_copy_of_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    born = folder / "born"
    born.mkdir()
    monkeypatch.chdir(born)
    Path("params.yaml").write_text("rate: 1\n")
    Path("dvc.yaml").write_text("stages: {a: {cmd: 'true', params: [rate]}}\n")
    dvc = (sys.executable, "-m", "dvc")
    git("init", "-q")
    output(*dvc, "init", "-q")
    git("add", "-A")
    git("commit", "-qm", "all")
    output(*dvc, "exp", "run", "--queue", "-q", "-n", "two", "-S", "rate=2")
    assert dvc_experiments.queued_elsewhere() == []
    shutil.copytree(born, folder / "new")
    monkeypatch.chdir(folder / "new")
    assert dvc_experiments.queued_elsewhere() == ["two"]


def test_settings_reach_dvc_as_yaml(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[tuple[str, ...]] = []
    monkeypatch.setattr(
        dvc_experiments.commands, "dvc", lambda *given: ran.append(given) or len(ran) - 1
    )
    settings = {"pretrain.method": "byol", "views.small": None, "encoders.convnet.widths": [8, 16]}
    dvc_experiments.run("x", settings, "evaluate")
    assert ran[0][:5] == ("exp", "run", "--temp", "--name", "x") and ran[0][-1] == "evaluate"
    assert ran[0][6:12:2] == (
        'pretrain.method="byol"', "views.small=null", "encoders.convnet.widths=[8, 16]",
    )  # fmt: skip
    with pytest.raises(DataError, match=r"`dvc exp run --temp --name x .*` failed"):
        dvc_experiments.run("x", settings)


def test_experiments_of_one_name_are_told_apart_by_their_commits(folder: Path) -> None:
    base = repository()
    for name in ("newest", NAME):  # the name of another experiment, of another base
        other = f"refs/exps/00/{'0' * 38}/{name}"
        git("update-ref", other, "HEAD")
    git("update-ref", "refs/exps/celery/stash", base)
    found = dvc_experiments.labelled_references()
    assert sorted(found) == sorted([f"{NAME}@0000000", f"{NAME}@{base[:7]}", "newest"])
    assert set(found.values()) == set(dvc_experiments.references())
    assert dvc_experiments.result_commit("newest") == dvc_experiments.git("rev-parse", "HEAD")


def test_outputs_may_differ_from_the_commit_and_nothing_else_may(folder: Path) -> None:
    """An interrupted run leaves them, and the command goes on with them."""
    (folder / "reports").mkdir()
    for name in ("reports/metrics.json", "dvc.lock", "params.yaml"):
        Path(name).write_text("before")
    repository()
    git("add", "-A")
    git("commit", "-qm", "all")
    Path("reports/metrics.json").write_text("after")
    Path("dvc.lock").write_text("after")
    dvc_experiments.require_committed("twinview seeds")
    Path("params.yaml").write_text("after, a change")
    with pytest.raises(ConfigError, match="twinview seeds needs a working tree without changes"):
        dvc_experiments.require_committed("twinview seeds")


def test_a_folder_and_a_commit_are_read_alike(folder: Path) -> None:
    base = repository()
    assert dvc_experiments.folder_reader(folder)(Path("m.json")) == "after"
    assert dvc_experiments.commit_reader(base, "the base")(Path("m.json")) == "before"
    with pytest.raises(DataError, match=r"the base has no n\.json"):
        dvc_experiments.commit_reader(base, "the base")(Path("n.json"))
    with pytest.raises(DataError, match=r"n\.json is missing; `dvc repro` makes it"):
        dvc_experiments.folder_reader(folder)(Path("n.json"))


def test_what_is_no_text_is_named_in_a_folder_and_at_a_commit(folder: Path) -> None:
    repository()
    Path("m.json").write_bytes(b"\xff\xfe{")
    git("commit", "-qam", "broken")
    for read in (
        dvc_experiments.folder_reader(Path()),
        dvc_experiments.commit_reader("HEAD", "the commit"),
    ):
        with pytest.raises(DataError, match=r"m\.json.* not UTF-8 text"):
            read(Path("m.json"))


def test_the_files_of_a_cached_folder_are_found_by_their_paths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As DVC stores a folder: a list of its files, under a hash that ends in .dir."""
    (tmp_path / ".dvc").mkdir()
    monkeypatch.chdir(tmp_path)
    cache = SimpleNamespace(oid_to_path=lambda digest: str(tmp_path / digest))
    monkeypatch.setattr(dvc_experiments, "_cache", lambda folder: cache)
    listing = [{"md5": "aa", "relpath": "a/train.bin"}, {"md5": "bb", "relpath": "test.bin"}]
    (tmp_path / "f0.dir").write_text(json.dumps(listing))
    found = dvc_experiments.cached_files("f0.dir")
    assert found == {"a/train.bin": tmp_path / "aa", "test.bin": tmp_path / "bb"}
    assert dvc_experiments.cached_files("other.dir") == {}
