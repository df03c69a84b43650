"""Runs side by side: what is one group, what differs, what is best, and what cannot be compared."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.support.commands import git
from tests.support.compared import NINE, alone, of, parted, run, settings, sweep
from twinview.core.errors import ConfigError, DataError
from twinview.experiments import dvc_experiments, side_by_side
from twinview.experiments.comparison import Comparison
from twinview.experiments.differences import format_value
from twinview.experiments.group import Group
from twinview.experiments.grouping import CODE, DATA
from twinview.reporting import compare_page, comparison_data, comparison_text, comparison_words


def labels(found: Comparison) -> list[str]:
    return [group.label for group in found.groups]


def group(found: Comparison, label: str) -> Group:
    return next(one for one in found.groups if one.label == label)


def test_runs_without_an_accuracy_are_refused_and_one_beside_others_has_dashes() -> None:
    empty = run("b", 0.6, metrics={}, pretrain__epochs=3)
    with pytest.raises(ConfigError, match=r"no run has results in reports/metrics\.json"):
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


def test_the_seed_of_the_baselines_is_a_seed_and_that_of_cached_views_is_a_setting() -> None:
    found = of(
        run("a", 0.8),
        run("b", 0.7, pretrain__seed=1, baselines__seed=1),
        run("c", 0.6, views__seed=1),
    )
    assert labels(found) == ["seed 0", "seed 1"] and found.differing == ("views.seed",)
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
    del old.settings["embed"]["mirror"]
    found = of(run("new", 0.8), old)
    assert found.differing == ("embed.mirror",) and group(found, "mirror true").differing
    assert found.groups[1].label == "mirror absent"


def test_other_code_is_another_group() -> None:
    found = of(run("a", 0.8), run("b", 0.7, code="2", pretrain__seed=1))
    assert found.differing == (CODE,) and labels(found) == ["code A", "code B"]
    assert found.changed == ("src/a.py",)
    assert CODE not in sweep().differing, "methods have files of their own"


def test_other_pairs_are_another_group_and_not_another_question() -> None:
    """A file of labelled pairs was edited: the settings name it, and not what it holds."""
    mine = {"data__pairs": "data/pairs/mine.csv"}
    edited = run("b", 0.7, data="2", pairs="2", pretrain__seed=1, **mine)
    found = of(run("a", 0.8, **mine), edited)
    assert found.differing == (DATA,) and labels(found) == ["data A", "data B"]
    other = run("b", 0.7, data="2", pairs="2", data__pairs="data/pairs/other.csv")
    assert of(run("a", 0.8, **mine), other).differing == ("data.pairs",)


def test_other_weights_under_one_name_are_another_group() -> None:
    """A file of weights was replaced: the settings name it, and not what it holds."""
    backbone = {"pretrain__encoder": "backbone", "pretrain__seed": 1}
    start = backbone | {"encoders__backbone__weights": "data/weights/a.pth"}
    found = of(run("a", 0.8, **start), run("b", 0.7, weights="2.dir", **start))
    assert labels(found) == ["data/weights 1", "data/weights 2.dir"]
    unused = of(run("a", 0.8, **backbone), run("b", 0.7, weights="2.dir", **backbone))
    assert len(unused.groups) == 1, "no run starts from weights of the folder"
    other = of(run("a", 0.8, **start), run("b", 0.7, weights="2.dir", **backbone))
    assert other.differing == ("encoders.backbone.weights",)


@pytest.mark.parametrize(
    ("changes", "heading"),
    [
        ({"data": "2", "data__source": "photos"}, "other data: data.source photos instead of"),
        ({"data": "2"}, "other data: data/prepared 2 instead of 1"),
        ({"data": "2", "data__seed": 1}, "other data: data.seed 1 instead of 0"),
        ({"protocol": "frozen-2"}, "another protocol: protocol frozen-2 instead of frozen-4"),
        ({"tasks__few_labels__draws": 2},
         "another protocol: tasks.few_labels.draws 2 instead of 5"),
        ({"probes__linear__C": [1.0]},
         "another protocol: probes.linear.C [1] instead of [0.001, 0.01, 0.1]"),
    ],
)  # fmt: skip
def test_what_was_asked_otherwise_is_a_part_of_its_own(
    changes: dict[str, Any], heading: str
) -> None:
    ours = run("a", 0.7), run("b", 0.6, pretrain__epochs=1)
    first, second = parted(run("c", 0.9, **changes), *ours).parts
    assert labels(first) == ["epochs 6", "epochs 1"], "the best of its own part"
    assert labels(second) == ["simclr"] and second.heading.startswith(heading)
    assert second.best("linear.accuracy") is second.groups[0]


def test_what_else_is_measured_neither_parts_nor_names_runs() -> None:
    fewer = {
        "evaluate__tasks": ["classification", "few_labels"],
        "tasks__classification__probes": ["linear"],
        "tasks__few_labels__per_class": [10],
        "pretrain__seed": 1,
    }
    found = of(run("a", 0.7), run("b", 0.8, **fewer))
    assert labels(found) == ["simclr"] and found.groups[0].seeds == [0, 1]


def test_a_run_of_before_a_setting_was_renamed_is_compared_with_those_after() -> None:
    new, other = run("a", 0.7), run("b", 0.8, pretrain__seed=1)
    tree = settings(pretrain__seed=1)
    del tree["tasks"], tree["data"]["modality"], tree["pretrain"]["objective"]
    tree["methods"]["siamese"] = {"objective": "nt_xent", "positives": "views"}
    few = {"per_class": [10], "draws": 5, "strength": 0.03, "seed": 0, "propagation": None}
    tree["evaluate"] = {"probes": ["linear"], "projections": False, "few_labels": few}
    tree["probes"]["linear"] = {"strength": tree["probes"]["linear"]["C"]}
    old = dataclasses.replace(
        other,
        read=lambda path: json.dumps(tree) if path.name == "params.yaml" else other.read(path),
    )
    (group,) = of(new, old).groups
    assert group.seeds == [0, 1]
    few["draws"] = 50
    old = dataclasses.replace(old, name="c")
    assert [part.heading for part in parted(new, run("d", 0.9, pretrain__seed=3), old).parts][
        1
    ] == ("another protocol: tasks.few_labels.draws 50 instead of 5")


def test_equal_data_are_the_same_question_wherever_they_come_from() -> None:
    other = run("b", 0.8, sources__fashion_mnist__origin="folder", pretrain__seed=1)
    assert labels(of(run("a", 0.7), other)) == ["simclr"]


def test_how_features_are_computed_is_an_answer() -> None:
    found = of(run("a", 0.8), run("b", 0.7, embed__mirror=False))
    assert labels(found) == ["mirror true", "mirror false"]


def test_the_first_part_is_the_largest_and_says_what_it_has_where_others_differ() -> None:
    runs = [run(f"a{seed}", 0.7, pretrain__seed=seed) for seed in range(2)]
    odd = run("b", 0.9, tasks__few_labels__draws=2, protocol="frozen-2")
    first, second = parted(odd, *runs).parts
    assert first.heading == "tasks.few_labels.draws 5, protocol frozen-4"
    assert second.heading.count(" instead of ") == 2 and not of(*runs).heading
    assert second.differences == {
        "protocol": {
            "tasks.few_labels.draws": (2, 5), "protocol": ("frozen-2", "frozen-4")
        }
    }  # fmt: skip


def test_a_metric_that_a_part_lacks_is_said_there() -> None:
    few = run("b", 0.9, metrics={"linear.accuracy": 0.9}, tasks__few_labels__draws=2)
    compared = parted(run("a", 0.8), run("c", 0.7, pretrain__epochs=1), few)
    assert [part.metrics[-1] for part in compared.parts] == ["knn.accuracy", "linear.accuracy"]
    assert [part.missing_metrics for part in compared.parts] == [(), ("knn.accuracy",)]
    assert "No run of this part has knn.accuracy." in comparison_text.terminal(compared)
    compared = parted(run("a", 0.8), few, metrics=("knn.accuracy",))
    assert compared.parts[1].metrics == () and comparison_text.terminal(compared)


def test_what_another_part_keeps_too_is_nobody_s_own() -> None:
    first, second = parted(run("a", 0.8), run("b", 0.7, tasks__few_labels__draws=2)).parts
    assert [part.unshared_bytes(part.groups[0]) for part in (first, second)] == [5, 5], "not 105"


def test_code_of_another_part_is_no_name_of_a_row() -> None:
    parts = parted(run("a", 0.8), run("b", 0.7, code="2", tasks__few_labels__draws=2)).parts
    assert [part.changed for part in parts] == [(), ()]
    assert [labels(part) for part in parts] == [["simclr"], ["simclr"]]


def test_equal_code_has_the_same_letter_under_every_method() -> None:
    found = of(
        run("a", 0.9), run("b", 0.8, code="2"), run("c", 0.7, pretrain__method="byol"),
        run("d", 0.6, pretrain__method="byol", code="2"),
    )  # fmt: skip
    assert [one.differing[CODE] for one in found.groups] == ["A", "B", "A", "B"]
    assert "Code differs in: src/a.py" in comparison_text.terminal(alone(found))


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
    assert other.p is None and other.significant is None and not found.tied("linear.accuracy")
    assert found.unsure("linear.accuracy") == [other.group]
    said = comparison_text.terminal(alone(found))
    assert "0.100 ?" in said and "`twinview seeds 3`" in said, "what to type"


def test_the_best_is_picked_on_validation_and_its_differences_are_of_test() -> None:
    runs = [
        run(f"{name}{seed}", test + wobble, validation=chosen, pretrain__epochs=epochs,
            pretrain__seed=seed)
        for name, test, chosen, epochs in (("a", 0.8, 0.9, 1), ("b", 0.9, 0.8, 2), ("c", 0.8, 0, 3))
        for seed, wobble in enumerate((0, 0.01, -0.01))
    ]  # fmt: skip
    found, metric = of(*runs), "linear.accuracy"
    assert labels(found) == ["epochs 1", "epochs 2", "epochs 3"], "then as they are on test"
    assert [found.standing(one, metric) for one in found.groups] == ["best", "more", "tied"]
    assert found.describe_selection(metric) == "picked on validation"
    assert [one.label for one in found.higher_on_test(metric)] == ["epochs 2"]
    assert "0.900 ± 0.025 ↑" in comparison_text.terminal(alone(found))


def test_a_measure_that_judges_nothing_has_no_best_and_no_marks() -> None:
    metrics = {"linear.accuracy": 0.8, "geometry.effective_rank": 30.0}
    found = of(run("a", 0, metrics=metrics), run("b", 0, metrics=metrics, pretrain__epochs=1))
    vars(found)["named"] = {
        name: dataclasses.replace(
            metric, entry=dataclasses.replace(metric.entry, is_share="geometry" not in name)
        )
        for name, metric in found.named.items()
    }
    standings = [found.standing(one, "geometry.effective_rank") for one in found.groups]
    assert standings == ["unjudged"] * 2 and found.judged == ("linear.accuracy",)
    said = comparison_text.terminal(alone(found))
    assert "30.000 *" not in said and "30.000 ?" not in said and "0.800 *" in said
    assert "Without marks: geometry. A larger value is not better." in said
    html = compare_page.page(alone(found))
    assert "geometry: best is" not in html and "Without marks: geometry" in html
    best, _ = comparison_data.data(alone(found))["parts"][0]["groups"]
    assert best["best"] == ["linear.accuracy"]


def test_other_measures_of_a_task_are_picked_by_its_accuracy_on_validation() -> None:
    runs = run("a", 0.8, validation=0.9), run("b", 0.9, validation=0.8, pretrain__epochs=1)
    assert of(*runs, metrics=("linear.f1",)).best("linear.f1").label == "epochs 6"
    picking = of(*runs).selection_metric
    assert picking("linear.f1") == "linear.validation_accuracy"
    assert picking("knn.accuracy") == "knn.accuracy", "these have no other"


def test_a_run_without_validation_numbers_has_the_best_picked_on_test_and_this_is_said() -> None:
    old, new = run("a", 0.8), run("b", 0.7, validation=0.9, pretrain__epochs=1)
    found = of(old, new)
    assert found.best("linear.accuracy").label == "epochs 6"
    assert found.describe_selection("linear.accuracy") == (
        "picked on test: 1 of 2 runs have no validation numbers"
    )
    said = "picked on test: these runs have no validation numbers"
    assert of(old).describe_selection("linear.accuracy") == said
    assert said in comparison_text.terminal(alone(of(old)))


def test_a_name_of_many_settings_has_the_most_telling_ones_and_says_how_many_more() -> None:
    """One setting at a time is changed: each row is named by its own."""
    runs = [run(name, 0.5, **{name: value}) for name, value in NINE.items()]
    found = of(run("all", 0.6), *runs)
    assert found.groups[0].label == "seed 0, epochs 6, batch_size 256 and 6 more"
    assert len(set(labels(found))) == 10 and all(one.count(",") == 2 for one in labels(found))
    own = next(one for one in found.groups if one.runs[0].name == "views__seed")
    assert "seed 3" in own.label and own.full_label.count(",") == 8


def test_names_of_many_settings_have_as_many_of_them_as_tell_all_rows_apart() -> None:
    keys = list(NINE)[:5]
    runs = [
        run(f"{bits}", 0.5, **{key: NINE[key] for at, key in enumerate(keys) if bits >> at & 1})
        for bits in range(32)
    ]
    assert len(set(labels(of(*runs)))) == 32


def test_a_wide_table_is_cut_to_the_terminal_s_width() -> None:
    metrics = {f"labels_{count}.accuracy": 0.5 for count in range(8)}
    wide = of(
        run("a", 0.5, metrics=metrics, **NINE),
        run("b", 0.6, metrics=metrics, **NINE | {"views__seed": 1}),
        run("c", 0.7, metrics=metrics),
    )
    said = comparison_text.terminal(alone(wide), 80).splitlines()
    assert max(map(len, said)) <= 80 and any(line.startswith("1: ") for line in said)
    assert sum("labels_" in line for line in said) > 1, "several tables of a few columns each"


def test_a_metric_that_a_group_lacks_leaves_it_out() -> None:
    few = run("few", 0.7, pretrain__epochs=1)
    del few.results["knn.accuracy"]
    found = of(run("a", 0.8), few)
    assert group(found, "epochs 1").interval("knn.accuracy") is None
    assert found.best("knn.accuracy").label == "epochs 6" and not found.against_best("knn.accuracy")


def test_without_names_the_metrics_are_every_task_s_accuracy() -> None:
    assert sweep().metrics == ("linear.accuracy", "knn.accuracy")
    assert of(run("a", 0.5), metrics=("linear.f1",)).metrics == ("linear.f1",)


def test_an_unknown_metric_is_named_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"'linear\.acuracy'; did you mean 'linear\.accuracy'"):
        of(run("a", 0.5), metrics=("linear.acuracy",))


def test_costs_count_each_content_once() -> None:
    found = of(run("a", 0.8), run("b", 0.8, pretrain__seed=1), run("c", 0.7, pretrain__epochs=1))
    first, second = found.groups
    assert (sum(first.outs.values()), found.unshared_bytes(first)) == (110, 10)
    assert (sum(second.outs.values()), found.unshared_bytes(second)) == (105, 5)
    assert first.minutes == 2


def test_minutes_that_are_not_known_are_not_taken_for_zero() -> None:
    (one,) = of(run("a", 0.5, minutes=None)).groups
    assert one.minutes is None and comparison_words.format_minutes(one) == "–"


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
    assert format_value(value) == expected


def test_the_terminal_s_table_says_all_with_its_marks() -> None:
    lines = comparison_text.terminal(alone(sweep())).splitlines()
    assert lines[0].split() == ["settings", "n", "linear", "knn", "min", "MB", "own", "MB"]
    assert lines[1].startswith("method byol") and " 0.910 ± 0.024 * " in lines[1]
    assert " 0.189 ± 0.025 ≈ " in lines[2], "moco's kNN is near simclr's"
    assert any("95 % confidence interval" in line for line in lines)
    assert any(
        line.startswith("Best linear.accuracy: method byol (byol0, byol1, byol2), picked on test")
        for line in lines
    )


def test_markdown_is_one_table_with_the_best_in_bold() -> None:
    found = sweep()
    text = comparison_text.markdown(alone(found))
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert {row.count("|") for row in rows} == {rows[0].count("|")} and len(rows) == 5
    assert "**0.910 ± 0.024**" in rows[2] and rows[2].count("**") == 2
    named = of(run("a_b|c*", 0.5)).groups[0]
    escaped = comparison_text.markdown(
        alone(Comparison((named,), (), {}, ("linear.accuracy",), ()))
    )
    assert r"a\_b\|c\*" in escaped


def test_json_holds_every_number() -> None:
    (found,) = json.loads(json.dumps(comparison_data.data(alone(sweep()))))["parts"]
    first = found["groups"][0]
    assert first["metrics"]["linear.accuracy"]["n"] == 3 and first["best"] == ["linear.accuracy"]
    assert first["metrics"]["linear.accuracy"]["values"] == pytest.approx([0.9, 0.912, 0.919])
    assert [one["label"] for one in found["against_best"]["knn.accuracy"]] == [
        "method moco", "method byol",
    ]  # fmt: skip
    assert found["references"]["linear.accuracy"] == {"raw_pixels": 0.5}


def test_parts_have_headings_in_every_text() -> None:
    compared = parted(run("a", 0.8), run("b", 0.9, tasks__few_labels__draws=2))
    said = "another protocol: tasks.few_labels.draws 2 instead of 5"
    assert f"Part 2, {said}:" in comparison_text.terminal(compared)
    assert "## Part 2, another protocol: tasks.few" in comparison_text.markdown(compared)
    second = comparison_data.data(compared)["parts"][1]
    assert second["heading"] == said and second["groups"][0]["best"][0] == "linear.accuracy"
    assert second["differences"]["protocol"] == {"tasks.few_labels.draws": {"here": 2, "first": 5}}


# In git: experiments, commits, the workspace.


def compare(names: list[str]) -> tuple[Comparison, Mapping[str, str]]:
    """The only part, and what is not compared."""
    found = side_by_side.compare(names, [])
    (part,) = found.parts
    return part, found.apart


def written(accuracy: float, stated: dict[str, Any], ran: dict[str, Any] | None = None) -> None:
    """Writes a finished run into this folder."""
    Path("reports/pretrain").mkdir(parents=True, exist_ok=True)
    files = {
        "metrics.json": {"linear": {"accuracy": accuracy}},
        "baselines.json": {},
        "pretrain/metrics.json": {"verdict": "healthy"},
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
    return str(dvc_experiments.git("rev-parse", "HEAD"))


def experiment(name: str, base: str) -> None:
    """Makes HEAD an experiment of base, as DVC keeps them, and goes back to base."""
    git("update-ref", f"refs/exps/{base[:2]}/{base[2:]}/{name}", "HEAD")
    git("reset", "-q", "--hard", base)


@pytest.fixture
def project(folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A commit without results, an experiment of it with, one without; a queue of one."""
    git("init", "-q")
    monkeypatch.setattr(dvc_experiments, "unfinished", lambda: {"tired-newt": "failed"})
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
    found, apart = compare([])
    assert {run.name for one in found.groups for run in one.runs} == {"keen-fox", "workspace"}
    assert set(apart) == {"bare-owl", "tired-newt"}
    assert apart["tired-newt"] == "failed"
    assert "the experiment bare-owl has no reports/metrics.json" in apart["bare-owl"]
    assert labels(found) == ["epochs 6", "epochs 3"]


def test_experiments_of_one_name_on_different_commits_are_all_compared(project: str) -> None:
    written(0.8, settings())
    newer = commit()
    written(0.75, settings(pretrain__epochs=4))
    commit()
    experiment("keen-fox", newer)
    found, _ = compare([])
    both = {f"keen-fox@{base[:7]}" for base in (project, newer)}
    assert {run.name for one in found.groups for run in one.runs} == {*both, "workspace"}
    named, _ = compare([f"keen-fox@{project[:7]}"])
    assert named.groups[0].values("linear.accuracy") == {0: 0.7}


@pytest.mark.parametrize("name", ["metrics", "baselines", "pretrain/metrics"])
@pytest.mark.parametrize("text", ["<<<<<<< HEAD\n{}", "[]"])
def test_a_broken_file_sets_its_run_apart_by_name(name: str, text: str, project: str) -> None:
    written(0.8, settings())
    Path(f"reports/{name}.json").write_text(text)
    found, apart = compare([])
    assert [run.name for one in found.groups for run in one.runs] == ["keen-fox"]
    assert f"reports/{name}.json" in apart["workspace"]


def test_results_of_other_settings_are_set_apart(project: str) -> None:
    written(0.8, settings(pretrain__epochs=7), ran=settings())
    _, apart = compare([])
    assert "with another pretrain.epochs than params.yaml states" in apart["workspace"]


def test_commits_branches_and_the_workspace_are_compared_by_name(project: str) -> None:
    written(0.9, settings(pretrain__epochs=5))
    commit()
    git("branch", "-q", "better")
    written(0.8, settings())
    found, apart = compare(["better", "HEAD", "workspace", "keen-fox"])
    assert [[run.name for run in one.runs] for one in found.groups] == [
        ["better", "HEAD"], ["workspace"], ["keen-fox"],
    ]  # fmt: skip
    assert not apart


def test_the_protocol_s_name_is_that_in_the_code_of_the_commit(project: str) -> None:
    code = Path("src/twinview/evaluation/protocol.py")
    code.parent.mkdir(parents=True)
    code.write_text('"""Probes."""\n\nPROTOCOL = "frozen-2"\n')
    written(0.9, settings())
    old = commit()
    code.write_text(code.read_text().replace("frozen-2", "frozen-4"))
    first, second = side_by_side.compare(["workspace", old], []).parts
    assert first.heading == "protocol frozen-4"
    assert second.heading == "another protocol: protocol frozen-2 instead of frozen-4"


def test_data_and_pairs_are_known_by_their_hashes_in_dvc_lock(project: str) -> None:
    def prepared(data: str, pairs: str) -> str:
        written(0.9, settings(data__pairs="data/pairs/mine.csv"))
        outs = [{"path": "data/prepared", "md5": data, "size": 1}]
        deps = [{"path": "data/pairs", "md5": pairs}]
        with Path("dvc.lock").open("w") as file:
            YAML().dump({"stages": {"prepare": {"deps": deps, "outs": outs}}}, file)
        return commit()

    names = [prepared("d1", "p1"), prepared("d2", "p2"), prepared("d3", "p1")]
    assert [len(part.groups) for part in side_by_side.compare(names, []).parts] == [2, 1]


def test_an_unknown_name_is_refused_with_the_nearest(project: str) -> None:
    with pytest.raises(
        ConfigError, match=r"no experiment, branch or commit 'keen-fx'; did you mean"
    ):
        compare(["keen-fx"])
    with pytest.raises(ConfigError, match=r"commit '--all'"):
        compare(["--all"])


def test_an_experiment_that_has_not_run_is_refused_by_its_state(project: str) -> None:
    with pytest.raises(
        ConfigError, match=r"the experiment tired-newt has no results: it is failed"
    ):
        compare(["tired-newt"])


def test_nothing_to_compare_says_why(project: str) -> None:
    with pytest.raises(DataError, match=r"(?s)no results to compare.*bare-owl: .*metrics\.json"):
        compare(["bare-owl"])


def test_outside_git_the_remedy_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(folder.parent))
    with pytest.raises(ConfigError, match=r"needs a git repository with a commit.*`git init`"):
        compare([])
