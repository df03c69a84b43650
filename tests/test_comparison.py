"""Runs side by side: what is one group, what differs, what is best, and what cannot be compared."""

import copy
import functools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.commands import git
from tests.conftest import WHOLE
from twinview import comparison, comparison_text, experiments
from twinview.comparison import CODE, DATA, Comparison, Group, Run, compare, told
from twinview.errors import ConfigError, DataError

METHODS = ("simclr", "byol", "moco")


def settings(**changes: Any) -> dict[str, Any]:
    """params.yaml with other values; 'pretrain__epochs' stands for pretrain.epochs."""
    tree = copy.deepcopy(WHOLE)
    for name, value in changes.items():
        *parents, last = name.split("__")
        section = tree
        for parent in parents:
            section = section[parent]
        section[last] = value
    return tree


def run(
    name: str, accuracy: float, *, code: str = "1", data: str = "1", size: int = 5, **changes: Any
) -> Run:
    tree = settings(**changes)
    metrics = {"linear.accuracy": accuracy, "linear.f1": accuracy, "knn.accuracy": 1 - accuracy}
    metrics |= {"raw_pixels.linear.accuracy": 0.5, "supervised.linear.accuracy": accuracy}
    outs = {"shared": 100, name: size}
    method = tree["pretrain"]["method"]
    files = {"src/a.py": code, f"src/methods/{method}.py": method}
    return Run(name, f"{name:0<40}", tree, metrics, "learning", 2.0, outs, files, data)


def of(*runs: Run, metrics: tuple[str, ...] = ()) -> Comparison:
    return comparison.side_by_side(runs, metrics, {})


@functools.cache
def sweep() -> Comparison:
    """Three methods over three seeds: byol is far ahead, moco and simclr are alike."""
    level = {"simclr": 0.80, "byol": 0.90, "moco": 0.801}
    wobble = {"simclr": (0, 0.01, 0.02), "byol": (0, 0.012, 0.019), "moco": (0.01, 0.02, 0)}
    return of(*(
        run(f"{m}{s}", level[m] + wobble[m][s], pretrain__method=m, pretrain__seed=s)
        for m in METHODS for s in range(3)
    ))  # fmt: skip


def labels(found: Comparison) -> list[str]:
    return [group.label for group in found.groups]


def group(found: Comparison, label: str) -> Group:
    return next(one for one in found.groups if one.label == label)


def test_runs_without_an_accuracy_are_refused_and_one_beside_others_has_dashes() -> None:
    empty = replace(run("b", 0.6, pretrain__epochs=3), metrics={})
    with pytest.raises(ConfigError, match=r"no run has an accuracy in reports/metrics\.json"):
        of(empty)
    groups = of(run("a", 0.5), empty).groups
    assert [group.interval("linear.accuracy") is None for group in groups] == [False, True]


def test_a_group_is_all_that_differs_in_its_seeds_only() -> None:
    found = sweep()
    assert labels(found) == ["method byol", "method moco", "method simclr"], "the best first"
    assert [one.seeds for one in found.groups] == [[0, 1, 2]] * 3
    assert group(found, "method simclr").values("linear.accuracy") == pytest.approx(
        {0: 0.80, 1: 0.81, 2: 0.82}
    )


def test_the_seed_of_the_baselines_is_a_seed_and_that_of_the_split_is_a_setting() -> None:
    found = of(
        run("a", 0.8),
        run("b", 0.7, pretrain__seed=1, baselines__seed=1),
        run("c", 0.6, data__seed=1),
    )
    assert labels(found) == ["seed 0", "seed 1"] and found.differing == ("data.seed",)
    assert [len(one.runs) for one in found.groups] == [2, 1]


def test_options_of_what_is_not_chosen_tell_nothing_apart() -> None:
    found = of(run("a", 0.8), run("b", 0.7, pretrain__seed=1, methods__byol__decay=0.5))
    assert labels(found) == ["simclr"]


def test_options_of_the_chosen_method_are_named_where_two_of_them_differ() -> None:
    found = of(
        run("a", 0.8, pretrain__method="byol"), run("b", 0.7),
        run("c", 0.6, pretrain__method="byol", methods__byol__decay=0.5),
    )  # fmt: skip
    assert labels(found) == ["method byol, decay 0.99", "method simclr", "method byol, decay 0.5"]
    assert found.differing == ("pretrain.method", "methods.byol.decay")


def test_two_settings_of_the_same_last_word_are_named_in_full() -> None:
    found = of(run("a", 0.8), run("b", 0.7, pretrain__batch_size=64, embed__batch_size=64))
    assert labels(found)[1] == "pretrain.batch_size 64, embed.batch_size 64"


def test_a_setting_that_an_earlier_version_lacks_differs() -> None:
    old = run("old", 0.7)
    del old.tree["embed"]["mirror"]  # type: ignore[attr-defined]
    found = of(run("new", 0.8), old)
    assert found.differing == ("embed.mirror",) and group(found, "mirror true").differing
    assert found.groups[1].label == "mirror absent"


def test_other_code_is_another_group() -> None:
    found = of(run("a", 0.8), run("b", 0.7, code="2", pretrain__seed=1))
    assert found.differing == (CODE,) and labels(found) == ["code A", "code B"]
    assert found.changed == ("src/a.py",)
    assert CODE not in sweep().differing, "methods have files of their own"


def test_other_data_under_equal_settings_is_another_group() -> None:
    """A file of labelled pairs that was edited: the settings name it, and not what it holds."""
    found = of(run("a", 0.8), run("b", 0.7, data="2", pretrain__seed=1))
    assert found.differing == (DATA,) and labels(found) == ["data A", "data B"]
    found = of(run("a", 0.8), run("b", 0.7, data="2", data__train=600))
    assert found.differing == ("data.train",), "which says by itself that the data differ"


def test_equal_code_has_the_same_letter_under_every_method() -> None:
    found = of(
        run("a", 0.9), run("b", 0.8, code="2"), run("c", 0.7, pretrain__method="byol"),
        run("d", 0.6, pretrain__method="byol", code="2"),
    )  # fmt: skip
    assert [one.differing[CODE] for one in found.groups] == ["A", "B", "A", "B"]
    assert "Code differs in: src/a.py" in comparison_text.terminal(found)


def test_a_seed_that_was_trained_twice_counts_once() -> None:
    (found,) = of(run("a", 0.8), run("again", 0.8), run("b", 0.9, pretrain__seed=1)).groups
    one = found.interval("linear.accuracy")
    assert one is not None and one.n == 2 and one.mean == pytest.approx(0.85)


def test_the_best_is_told_apart_from_all_but_its_equals() -> None:
    found = sweep()
    assert found.best("linear.accuracy").label == "method byol" and not found.tied(
        "linear.accuracy"
    )
    assert found.best("knn.accuracy").label == "method simclr"
    assert [one.label for one in found.tied("knn.accuracy")] == ["method moco"]
    nearest, farthest = found.against_best("linear.accuracy")
    assert nearest.difference.paired and nearest.difference.n == 3
    assert nearest.group.label == "method moco" and farthest.group.label == "method simclr"
    assert farthest.difference.mean == pytest.approx(-0.1, abs=0.001)


def test_p_is_raised_by_the_number_of_groups() -> None:
    alone = of(*(run for one in sweep().groups if "moco" not in one.label for run in one.runs))
    (single,) = alone.against_best("linear.accuracy")
    beside = sweep().against_best("linear.accuracy")
    assert single.p == single.difference.p
    assert any(one.p == pytest.approx(2 * one.difference.p) for one in beside if one.difference.p)


def test_one_seed_is_not_told_apart() -> None:
    found = of(run("a", 0.9), run("b", 0.1, pretrain__epochs=1))
    (other,) = found.against_best("linear.accuracy")
    assert other.p is None and other.apart is None and not found.tied("linear.accuracy")
    assert found.unsure("linear.accuracy") == [other.group]
    assert "0.100 ?" in comparison_text.terminal(found)


def test_a_metric_that_a_group_lacks_leaves_it_out() -> None:
    few = run("few", 0.7, pretrain__epochs=1)
    del few.metrics["knn.accuracy"]  # type: ignore[attr-defined]
    found = of(run("a", 0.8), few)
    assert group(found, "epochs 1").interval("knn.accuracy") is None
    assert found.best("knn.accuracy").label == "epochs 10" and not found.against_best(
        "knn.accuracy"
    )


def test_without_names_the_metrics_are_every_task_s_accuracy() -> None:
    assert sweep().metrics == ("linear.accuracy", "knn.accuracy")
    assert of(run("a", 0.5), metrics=("linear.f1",)).metrics == ("linear.f1",)


def test_an_unknown_metric_is_named_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"'linear\.acuracy'; did you mean 'linear\.accuracy'"):
        of(run("a", 0.5), metrics=("linear.acuracy",))


def test_costs_count_each_content_once() -> None:
    found = of(run("a", 0.8), run("b", 0.8, pretrain__seed=1), run("c", 0.7, pretrain__epochs=1))
    first, second = found.groups
    assert (sum(first.outs.values()), found.own_bytes(first)) == (110, 10)
    assert (sum(second.outs.values()), found.own_bytes(second)) == (105, 5)
    assert first.minutes == 2


def test_minutes_that_are_not_known_are_not_taken_for_zero() -> None:
    (one,) = of(
        Run("a", "", settings(), {"linear.accuracy": 0.5}, "slow", None, {}, {}, None)
    ).groups
    assert one.minutes is None and comparison.minutes(one) == "–"


def test_only_baselines_that_are_the_same_for_all_stand_beside_them() -> None:
    found = sweep()
    assert found.references("linear.accuracy") == {"raw_pixels": 0.5}, "supervised differs"
    assert found.references("knn.accuracy") == {}


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.30000000000000004, "0.3"), (1e-05, "1e-05"), ([8, 0.5], "[8, 0.5]"), (None, "null"),
     (True, "true"), ("byol", "byol"), (10, "10")],
)  # fmt: skip
def test_values_are_told_as_they_are_written(value: Any, expected: str) -> None:
    assert told(value) == expected


def test_the_terminal_s_table_says_all_with_its_marks() -> None:
    lines = comparison_text.terminal(sweep()).splitlines()
    assert lines[0].split() == ["settings", "n", "linear", "knn", "min", "MB", "own", "MB"]
    assert lines[1].startswith("method byol") and " 0.910 ± 0.024 * " in lines[1]
    assert " 0.189 ± 0.025 ≈ " in lines[2], "moco's kNN is near simclr's"
    assert any("95 % confidence interval" in line for line in lines)
    assert "Best linear.accuracy: method byol (byol0, byol1, byol2)" in lines


def test_markdown_is_one_table_with_the_best_in_bold() -> None:
    found = sweep()
    text = comparison_text.markdown(found)
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert {row.count("|") for row in rows} == {rows[0].count("|")} and len(rows) == 5
    assert "**0.910 ± 0.024**" in rows[2] and rows[2].count("**") == 2
    named = of(run("a_b|c*", 0.5)).groups[0]
    escaped = comparison_text.markdown(Comparison((named,), (), {}, ("linear.accuracy",), (), {}))
    assert r"a\_b\|c\*" in escaped


def test_json_holds_every_number() -> None:
    found = json.loads(json.dumps(comparison_text.data(sweep())))
    first = found["groups"][0]
    assert first["metrics"]["linear.accuracy"]["n"] == 3 and first["best"] == ["linear.accuracy"]
    assert first["metrics"]["linear.accuracy"]["values"] == pytest.approx([0.9, 0.912, 0.919])
    assert [one["label"] for one in found["against_best"]["knn.accuracy"]] == [
        "method moco", "method byol",
    ]  # fmt: skip
    assert found["references"]["linear.accuracy"] == {"raw_pixels": 0.5}


# In git: experiments, commits, the workspace.


def written(accuracy: float, stated: dict[str, Any], ran: dict[str, Any] | None = None) -> None:
    """Writes a finished run into this folder."""
    Path("reports/pretrain").mkdir(parents=True, exist_ok=True)
    files = {
        "metrics.json": {"linear": {"accuracy": accuracy}},
        "baselines.json": {},
        "pretrain/metrics.json": {"verdict": "learning"},
    }
    for name, value in files.items():
        Path("reports", name).write_text(json.dumps(value))
    epochs = (ran or stated)["pretrain"]["epochs"]
    lock = {"stages": {"evaluate": {"params": {"params.yaml": {"pretrain.epochs": epochs}}}}}
    for name, tree in (("params.yaml", stated), ("dvc.lock", lock)):
        with Path(name).open("w") as file:
            YAML().dump(tree, file)


def commit() -> str:
    git("add", "-A")
    git("commit", "-q", "--allow-empty", "-m", "x")
    return str(experiments.git("rev-parse", "HEAD"))


def experiment(name: str, base: str) -> None:
    """Makes HEAD an experiment of base, as DVC keeps them, and goes back to base."""
    git("update-ref", f"refs/exps/{base[:2]}/{base[2:]}/{name}", "HEAD")
    git("reset", "-q", "--hard", base)


@pytest.fixture
def project(folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A commit without results, an experiment of it with, one without; a queue of one."""
    git("init", "-q")
    monkeypatch.setattr(experiments, "unfinished", lambda: {"tired-newt": "failed"})
    with Path("params.yaml").open("w") as file:
        YAML().dump(settings(), file)
    base = commit()
    written(0.7, settings(pretrain__epochs=3))
    commit()
    experiment("keen-fox", base)
    commit()
    experiment("bare-owl", base)
    return base


def test_all_experiments_are_compared_and_what_has_no_results_is_set_apart(project: str) -> None:
    written(0.8, settings())
    found = compare([], [])
    assert {run.name for one in found.groups for run in one.runs} == {"keen-fox", "workspace"}
    assert set(found.apart) == {"bare-owl", "tired-newt"}
    assert found.apart["tired-newt"] == "failed"
    assert "the experiment bare-owl has no reports/metrics.json" in found.apart["bare-owl"]
    assert labels(found) == ["epochs 10", "epochs 3"]


def test_experiments_of_one_name_on_different_commits_are_all_compared(project: str) -> None:
    written(0.8, settings())
    newer = commit()
    written(0.75, settings(pretrain__epochs=4))
    commit()
    experiment("keen-fox", newer)
    found = compare([], [])
    both = {f"keen-fox@{base[:7]}" for base in (project, newer)}
    assert {run.name for one in found.groups for run in one.runs} == {*both, "workspace"}
    named = compare([f"keen-fox@{project[:7]}"], [])
    assert named.groups[0].values("linear.accuracy") == {0: 0.7}


@pytest.mark.parametrize("name", ["metrics", "baselines", "pretrain/metrics"])
@pytest.mark.parametrize("text", ["<<<<<<< HEAD\n{}", "[]"])
def test_a_broken_file_sets_its_run_apart_by_name(name: str, text: str, project: str) -> None:
    written(0.8, settings())
    Path(f"reports/{name}.json").write_text(text)
    found = compare([], [])
    assert [run.name for one in found.groups for run in one.runs] == ["keen-fox"]
    assert f"reports/{name}.json" in found.apart["workspace"]


def test_results_of_other_settings_are_set_apart(project: str) -> None:
    written(0.8, settings(pretrain__epochs=7), ran=settings())
    found = compare([], [])
    assert "with another pretrain.epochs than params.yaml states" in found.apart["workspace"]


def test_commits_branches_and_the_workspace_are_compared_by_name(project: str) -> None:
    written(0.9, settings(pretrain__epochs=5))
    commit()
    git("branch", "-q", "better")
    written(0.8, settings())
    found = compare(["better", "HEAD", "workspace", "keen-fox"], [])
    assert [[run.name for run in one.runs] for one in found.groups] == [
        ["better", "HEAD"], ["workspace"], ["keen-fox"],
    ]  # fmt: skip
    assert not found.apart


def test_an_unknown_name_is_refused_with_the_nearest(project: str) -> None:
    with pytest.raises(
        ConfigError, match=r"no experiment, branch or commit 'keen-fx'; did you mean"
    ):
        compare(["keen-fx"], [])
    with pytest.raises(ConfigError, match=r"commit '--all'"):
        compare(["--all"], [])


def test_an_experiment_that_has_not_run_is_refused_by_its_state(project: str) -> None:
    with pytest.raises(
        ConfigError, match=r"the experiment tired-newt has no results: it is failed"
    ):
        compare(["tired-newt"], [])


def test_nothing_to_compare_says_why(project: str) -> None:
    with pytest.raises(DataError, match=r"(?s)no results to compare.*bare-owl: .*metrics\.json"):
        compare(["bare-owl"], [])


def test_outside_git_the_remedy_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(folder.parent))
    with pytest.raises(ConfigError, match=r"needs a git repository with a commit.*`git init`"):
        compare([], [])
