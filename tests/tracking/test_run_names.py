"""What a run of MLflow's is called, in a git repository with uncommitted changes or without."""

import functools
import json
import operator
import shutil
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.support.commands import git
from tests.support.workspace import ROOT
from twinview.tracking import run_names


@pytest.fixture
def commit(folder: Path) -> str:
    """The first digits of the commit that states the settings of this project."""
    shutil.copy(ROOT / "params.yaml", folder)
    (folder / "src").mkdir()
    (folder / "src/code.py").write_text("one = 1\n")
    git("init", "-q")
    git("add", "-A")
    return committed()


def committed() -> str:
    git("commit", "-qam", "settings")
    return git("rev-parse", "HEAD")[:7]


def state(**values: Any) -> None:
    """Writes params.yaml with other values; pretrain__epochs stands for pretrain.epochs."""
    tree = YAML(typ="safe").load((ROOT / "params.yaml").read_text())
    for name, value in values.items():
        *parents, last = name.split("__")
        functools.reduce(operator.getitem, parents, tree)[last] = value
    Path("params.yaml").write_text(json.dumps(tree))  # which is YAML too


def test_a_name_says_what_differs_from_the_commit(commit: str) -> None:
    state(methods__simclr__temperature=0.3)
    assert run_names.row_name() == run_names.training_name() == "temperature 0.3"
    state(pretrain__method="byol", pretrain__epochs=4, methods__byol__decay=0.9)
    assert run_names.row_name() == "method byol, epochs 4, decay 0.9"


def test_where_nothing_differs_a_name_says_method_commit_and_seed(commit: str) -> None:
    state(methods__byol__decay=0.9, gate__model="other", views__cached__count=8.0)
    assert run_names.row_name() == f"simclr, {commit}, seed 0"
    Path("src/code.py").write_text("one = 2\n")
    assert run_names.row_name() == f"simclr, {commit}, seed 0, code changed"


def test_a_training_s_name_leaves_out_what_its_encoder_does_not_depend_on(commit: str) -> None:
    state(views__mode="cached", evaluate__probes=["knn"], baselines__seed=3)
    assert run_names.row_name() == "mode cached, seed 3, probes [knn]"
    assert run_names.training_name() == "mode cached"


def test_many_or_long_differences_are_cut(commit: str) -> None:
    state(views__chain=["random_resized_crop"] * 3, data__seed=1, data__train=9, data__test=9,
          pretrain__epochs=2, pretrain__seed=1)  # fmt: skip
    chain = "chain [random_resized_crop, random_resi…"
    assert run_names.row_name() == f"train 9, test 9, data.seed 1, {chain}, and 2 more"


def test_without_a_commit_or_settings_in_it_a_name_is_of_method_and_seed(folder: Path) -> None:
    state()
    assert run_names.row_name() == "simclr, seed 0"


def test_a_commit_whose_settings_are_broken_is_compared_with_nothing(commit: str) -> None:
    Path("params.yaml").write_text("pretrain: {")
    broken = committed()
    state()
    assert run_names.row_name() == f"simclr, {broken}, seed 0"


def test_a_name_ends_no_training_where_git_cannot_say_what_differs(commit: str) -> None:
    Path(".git/index").write_text("no index")
    assert run_names.row_name() == f"simclr, {commit}, seed 0"
