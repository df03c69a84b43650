"""Where a result comes from, and on what it is computed."""

from pathlib import Path

import pytest
import torch

from tests.support.commands import git
from tests.support.refusing import refuse
from twinview.compute import devices
from twinview.core import commands
from twinview.core.commands import GitError
from twinview.core.errors import ConfigError, DataError
from twinview.experiments import provenance


@pytest.fixture
def head(folder: Path) -> str:
    git("init", "-q")
    (folder / "a").write_text("1")
    git("add", "a")
    git("commit", "-q", "-m", "a")
    return git("rev-parse", "HEAD")


def test_the_commit_is_the_one_that_the_tree_stands_on(head: str) -> None:
    assert provenance.commit() == head


def test_in_an_experiment_it_is_the_one_that_the_experiment_stands_on(
    head: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_EXP_BASELINE_REV", "f" * 40)
    assert provenance.commit() == "f" * 40


def test_outside_git_there_is_no_commit_and_no_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(folder.parent))
    found = provenance.provenance()
    assert found["commit"] == "none" and found["changed"] is False


def test_without_git_the_commit_is_unknown_and_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert provenance.commit().startswith("unknown (git: it does not start")
    assert provenance.has_changes() is None


def test_where_git_refuses_nothing_is_called_unchanged_and_its_reason_is_told(
    head: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(monkeypatch)
    found = provenance.provenance()
    assert str(found["commit"]).startswith("unknown (git: detected dubious ownership in repo")
    assert found["changed"] is None


def test_a_broken_index_is_not_an_unchanged_tree(head: str, folder: Path) -> None:
    (folder / ".git/index").write_text("no index")
    assert provenance.commit() == head and provenance.has_changes() is None
    with pytest.raises(GitError, match=r"`git status .* failed: .*index"):
        commands.has_changes()


def test_a_worktree_whose_repository_is_gone_is_no_folder_outside_git(folder: Path) -> None:
    (folder / ".git").write_text(f"gitdir: {folder}/moved/.git/worktrees/here\n")
    with pytest.raises(GitError, match=r"not a git repository: .*/moved/"):
        commands.head_commit()


def test_a_changed_tree_is_told_and_new_files_do_not_count(head: str, folder: Path) -> None:
    (folder / "new").touch()
    assert provenance.provenance()["changed"] is False
    (folder / "a").write_text("2")
    assert provenance.provenance()["changed"] is True


def test_what_a_run_leaves_behind_is_no_change(head: str, folder: Path) -> None:
    """DVC deletes a stage's outs before it runs, those that git keeps too."""
    (folder / "reports/pretrain").mkdir(parents=True)
    (folder / "reports/pretrain/steps.csv").write_text("1")
    (folder / "dvc.lock").write_text("1")
    git("add", "-A")
    git("commit", "-q", "-m", "results")
    (folder / "reports/pretrain/steps.csv").unlink()
    (folder / "dvc.lock").write_text("2")
    assert provenance.provenance()["changed"] is False


def test_hardware_and_versions_are_named() -> None:
    assert " cores, " in provenance.hardware()
    assert f"torch {torch.__version__.partition('+')[0]}" in provenance.versions()


def test_auto_takes_a_gpu_when_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for there, name in ((True, "cuda"), (False, "cpu")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda there=there: there)
        assert devices.choose_device("auto").type == name
        assert devices.choose_device("cpu").type == "cpu"


def test_auto_computes_in_bfloat16_where_the_processor_has_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
    cpu, weights = torch.device("cpu"), torch.ones(4, 4)
    for built_in, dtype in ((True, torch.bfloat16), (False, torch.float32)):
        found = {"avx512_bf16": built_in}
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda found=found: found)
        with devices.autocast(cpu, "auto"):
            assert (weights @ weights).dtype == dtype
        for name in ("float32", "bfloat16"):
            assert devices.choose_precision(name, cpu) == name


@pytest.mark.parametrize(("limit", "name"), [("AVX2", "float32"), ("ALL", "bfloat16")])
def test_auto_follows_the_limit_of_onednn_s_instructions(
    limit: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", limit)
    assert devices.choose_precision("auto", torch.device("cpu")) == name


def test_a_gpu_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match=r"pretrain\.device is 'cuda', but PyTorch sees no GPU"):
        devices.choose_device("cuda")


def test_the_number_of_threads_is_the_one_asked_for() -> None:
    before = torch.get_num_threads()
    try:
        devices.set_threads(2)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_data_is_what_dvc_has_recorded_of_the_prepared_folder(folder: Path) -> None:
    (folder / "dvc.lock").write_text(
        "stages:\n"
        "  views:\n"
        "    deps: [{path: data/prepared, md5: old.dir}]\n"
        "    outs: [{path: v, md5: v, size: 1}]\n"
        "  prepare:\n"
        "    params: {params.yaml: {data: {source: fashion_mnist}}}\n"
        "    outs:\n"
        "    - {path: reports/data/card.json, md5: c, size: 1}\n"
        "    - {path: data/prepared, md5: new.dir, size: 1}\n"
    )
    assert provenance.data() == ("fashion_mnist", "new.dir")


def test_data_that_dvc_has_not_recorded_is_none(folder: Path) -> None:
    assert provenance.data() is None
    (folder / "dvc.lock").write_text("stages: {views: {outs: [{path: v, md5: v, size: 1}]}}\n")
    assert provenance.data() is None


def test_data_without_the_name_of_its_source_is_a_broken_dvc_lock(folder: Path) -> None:
    made = "outs: [{path: data/prepared, md5: new.dir, size: 1}]"
    (folder / "dvc.lock").write_text(f"stages: {{prepare: {{{made}}}}}\n")
    with pytest.raises(DataError, match=r"dvc\.lock is broken \(prepare states no data\.source"):
        provenance.data()
