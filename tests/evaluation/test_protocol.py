"""The protocol frozen-3: what is fitted on what, who is read when, and the metrics themselves."""

import statistics
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import torch
from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score
from torch import Tensor

from twinview.core.errors import ConfigError, DataError
from twinview.core.types import Embeddings
from twinview.data.splits import require_labels
from twinview.evaluation import protocol
from twinview.evaluation.label_graph import LabelGraph
from twinview.evaluation.metrics import classification_metrics, headline_metrics
from twinview.evaluation.protocol import (
    choose_options,
    draw_labelled_rows,
    evaluate_probe,
    few_labels,
    probe_predictor,
    propagation_predictor,
)
from twinview.probes.knn import knn
from twinview.probes.linear import linear
from twinview.settings.sections import VALIDATION, Evaluate, FewLabels, Propagation

CLASSES = ("a", "b", "c")


def embeddings(n: int, first: int, seed: int = 0) -> Embeddings:
    random = torch.Generator().manual_seed(seed + first)
    labels = torch.arange(n) % 3
    features = torch.eye(3)[labels] + 0.7 * torch.randn(n, 3, generator=random)
    return Embeddings(features, labels, torch.arange(first, first + n))


def contender(seed: int = 0) -> dict[str, Embeddings]:
    sizes = {"train": (60, 0), "validation": (30, 1000), "test": (45, 2000)}
    return {name: embeddings(n, first, seed) for name, (n, first) in sizes.items()}


class Recorder:
    """A probe that names a fixed class, and remembers what it was fitted on and asked about."""

    def __init__(self, answers: Callable[..., int] = lambda **options: 0) -> None:
        self.calls: list[tuple[list[int], int, dict[str, Any]]] = []
        self._answers = answers

    def __call__(self, train: Embeddings, features: Tensor, **options: Any) -> Tensor:
        self.calls.append((train.ids.tolist(), len(features), options))
        return torch.full((len(features),), self._answers(**options))


def test_options_are_tried_on_validation_and_test_is_read_once_at_the_end() -> None:
    probe = Recorder()
    evaluate_probe(contender(), probe, {"a": [1, 2], "b": [3]}, CLASSES)
    train, both = list(range(60)), [*range(60), *range(1000, 1030)]
    assert probe.calls == [
        (train, 30, {"a": 1, "b": 3}),
        (train, 30, {"a": 2, "b": 3}),
        (both, 45, {"a": 1, "b": 3}),
    ]


def test_a_contender_is_scored_on_every_task_that_the_settings_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spread = Propagation(neighbours=5, whitened=0, alpha=0.9)
    few = FewLabels(per_class=(2, 5), draws=3, strength=0.1, propagation=spread, seed=1)
    grids = {"linear": {"C": [0.1, 1.0]}, "knn": {"neighbours": [5], "temperature": [0.1]}}
    grids["knn"]["pca_components"] = [0]
    own = Evaluate(probes=("linear", "knn"), few_labels=few, projections=False)
    shown: list[int] = []

    class Late(LabelGraph):
        def __init__(self, *given: Any, **options: Any) -> None:
            assert shown, "the bar is there while the graph is found"
            super().__init__(*given, **options)

    monkeypatch.setattr(protocol, "LabelGraph", Late)
    found, predicted = protocol.evaluate_contender(
        contender(), own, grids, CLASSES, lambda tasks, total, what: shown.append(total) or tasks
    )
    tasks = ["linear", "knn", "labels_2", "labels_5", "propagated_2", "propagated_5"]
    assert list(found) == tasks and shown == [6]
    assert found["linear"] == evaluate_probe(contender(), linear, grids["linear"], CLASSES)[0]
    probe = probe_predictor(contender(), partial(linear, C=0.1))
    assert found["labels_5"] == few_labels(contender(), probe, 5, draws=3, seed=1)
    graph = propagation_predictor(contender(), spread)
    assert found["propagated_5"] == few_labels(contender(), graph, 5, draws=3, seed=1)
    assert torch.equal(predicted["knn"], evaluate_probe(contender(), knn, grids["knn"], CLASSES)[1])


def test_without_propagation_the_probe_alone_has_few_labels() -> None:
    few = FewLabels(per_class=(2,), draws=2, strength=0.1, propagation=None, seed=1)
    own = Evaluate(probes=("linear",), few_labels=few, projections=False)
    found, _ = protocol.evaluate_contender(
        contender(), own, {"linear": {"C": [0.1]}}, CLASSES, lambda tasks, *_: tasks
    )
    assert list(found) == ["linear", "labels_2"]


def test_the_best_options_on_validation_are_chosen() -> None:
    splits = contender()
    splits["validation"] = replace(splits["validation"], labels=torch.full((30,), 2))
    chosen, tried = choose_options(
        splits["train"], splits["validation"], Recorder(lambda a: a), {"a": [0, 2, 1]}
    )
    assert chosen == {"a": 2}
    assert tried == [
        {"options": {"a": 0}, "accuracy": 0.0},
        {"options": {"a": 2}, "accuracy": 1.0},
        {"options": {"a": 1}, "accuracy": 0.0},
    ]


def test_of_equals_the_first_is_chosen() -> None:
    splits = contender()
    chosen, _ = choose_options(splits["train"], splits["validation"], Recorder(), {"a": [7, 5, 6]})
    assert chosen == {"a": 7}


def test_every_combination_is_tried() -> None:
    splits = contender()
    _, tried = choose_options(
        splits["train"], splits["validation"], Recorder(), {"a": [1, 2], "b": [3, 4]}
    )
    assert [tuple(t["options"].values()) for t in tried] == [(1, 3), (1, 4), (2, 3), (2, 4)]


@pytest.mark.parametrize(
    ("probe", "grid"),
    [
        (linear, {"C": [0.001, 0.1, 10.0]}),
        (knn, {"neighbours": [1, 5, 20], "temperature": [0.07, 1.0], "pca_components": [0]}),
    ],
)
def test_test_labels_move_neither_the_choice_nor_the_predictions(
    probe: Callable[..., Tensor], grid: dict[str, list[Any]]
) -> None:
    splits = contender()
    found, said = evaluate_probe(splits, probe, grid, CLASSES)
    splits["test"] = replace(splits["test"], labels=splits["test"].required_labels().roll(1))
    other, again = evaluate_probe(splits, probe, grid, CLASSES)
    assert other["chosen"] == found["chosen"] and other["validation"] == found["validation"]
    assert torch.equal(said, again) and other["accuracy"] != found["accuracy"]


def test_the_accuracy_is_that_of_the_predictions_that_are_given_back() -> None:
    found, said = evaluate_probe(contender(), linear, {"C": [0.1]}, CLASSES)
    labels = contender()["test"].required_labels()
    assert found["accuracy"] == (said == labels).double().mean().item() > 0.5


def test_metrics_are_scikit_learn_s() -> None:
    random = torch.Generator().manual_seed(0)
    labels, said = (torch.randint(0, 3, (200,), generator=random) for _ in range(2))
    found = classification_metrics(labels, said, CLASSES)
    assert found["accuracy"] == pytest.approx(accuracy_score(labels, said))
    for name, function in (
        ("precision", precision_score),
        ("recall", recall_score),
        ("f1", f1_score),
    ):
        assert found[name] == pytest.approx(function(labels, said, average="macro"))
        each = [found["classes"][label][name] for label in CLASSES]
        assert each == pytest.approx(function(labels, said, average=None).tolist())


def test_metrics_of_a_small_table_in_closed_form() -> None:
    labels, said = torch.tensor([0, 0, 0, 1, 1, 2]), torch.tensor([0, 0, 1, 1, 0, 2])
    found = classification_metrics(labels, said, CLASSES)
    assert found["confusion"] == [[2, 1, 0], [1, 1, 0], [0, 0, 1]]
    assert found["classes"]["a"] == pytest.approx(
        {"precision": 2 / 3, "recall": 2 / 3, "f1": 2 / 3}
    )
    assert found["classes"]["b"] == pytest.approx(
        {"precision": 1 / 2, "recall": 1 / 2, "f1": 1 / 2}
    )
    assert found["accuracy"] == pytest.approx(4 / 6)


def test_rows_of_the_confusion_matrix_are_true_classes() -> None:
    found = classification_metrics(torch.tensor([0, 0, 1]), torch.tensor([2, 2, 1]), CLASSES)
    assert found["confusion"] == [[0, 0, 2], [0, 1, 0], [0, 0, 0]]


def test_a_class_that_is_never_named_has_precision_zero_and_counts() -> None:
    found = classification_metrics(torch.tensor([0, 1]), torch.tensor([0, 0]), ("a", "b"))
    assert found["classes"]["b"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0}
    assert found["precision"] == 0.25 and found["recall"] == 0.5


def test_draws_have_each_class_equally_often_and_no_row_twice() -> None:
    labels = torch.tensor([0] * 7 + [1] * 20 + [4] * 9)
    for rows in draw_labelled_rows(labels, 5, 3, seed=0):
        assert len(rows.unique()) == len(rows) == 15
        assert labels[rows].bincount().tolist() == [5, 5, 0, 0, 5]


def test_a_class_can_be_used_up() -> None:
    (rows,) = draw_labelled_rows(torch.arange(12) % 3, 4, 1, seed=0)
    assert sorted(rows.tolist()) == list(range(12))


def test_draws_differ_and_follow_the_seed() -> None:
    labels = torch.arange(300) % 3
    first, second = (r.tolist() for r in draw_labelled_rows(labels, 5, 2, seed=0))
    assert first != second
    assert [r.tolist() for r in draw_labelled_rows(labels, 5, 2, seed=0)] == [first, second]
    assert next(draw_labelled_rows(labels, 5, 2, seed=1)).tolist() != first


def test_a_draw_does_not_depend_on_how_many_there_are() -> None:
    labels = torch.arange(300) % 3
    some, more = (
        list(draw_labelled_rows(labels, 5, 2, seed=0)),
        list(draw_labelled_rows(labels, 5, 4, seed=0)),
    )
    assert all(torch.equal(a, b) for a, b in zip(some, more, strict=False))


def test_draws_are_spread_over_all_rows_of_a_class() -> None:
    labels = torch.arange(300) % 3
    drawn = torch.cat(list(draw_labelled_rows(labels, 50, 20, seed=0))).unique()
    # A row is left out of all 20 draws with probability 2^-20.
    assert len(drawn) == 300


def test_more_labels_than_a_class_has_are_refused_with_its_number() -> None:
    labels = torch.tensor([0] * 7 + [1] * 20)
    with pytest.raises(ConfigError, match=r"per_class asks for 8 labels a class, but .* has 7"):
        next(draw_labelled_rows(labels, 8, 3, seed=0))


def test_all_contenders_get_the_same_draws_and_no_further_labels() -> None:
    ours, theirs = Recorder(), Recorder()
    few_labels(contender(0), probe_predictor(contender(0), ours), 4, 3, seed=0)
    few_labels(contender(1), probe_predictor(contender(1), theirs), 4, 3, seed=0)
    assert ours.calls == theirs.calls
    found = [(len(ids), asked, max(ids) < 60) for ids, asked, _ in ours.calls]
    assert found == [(12, 30, True), (12, 45, True)] * 3, "validation, test"


def test_propagation_reads_no_label_but_the_known_rows_and_no_test_row_moves_another() -> None:
    parts, spread = contender(), Propagation(neighbours=5, whitened=2, alpha=0.9)
    rows = torch.tensor([0, 1, 2])
    found = propagation_predictor(parts, spread)(rows)
    hidden = torch.full((60,), 7)
    hidden[rows] = parts["train"].required_labels()[rows]
    parts["train"] = replace(parts["train"], labels=hidden)
    assert torch.equal(propagation_predictor(parts, spread)(rows)["test"], found["test"])
    parts["test"] = parts["test"].take(torch.arange(10))
    again = propagation_predictor(parts, spread)(rows)
    assert torch.equal(again["test"], found["test"][:10])
    assert torch.equal(again["validation"], found["validation"])


def test_few_labels_gives_mean_and_sample_deviation_over_draws() -> None:
    found = few_labels(
        contender(), probe_predictor(contender(), partial(linear, C=0.1)), 2, 4, seed=0
    )
    assert len(found["draws"]) == 4 and len(set(found["draws"])) > 1
    assert found["accuracy"] == pytest.approx(sum(found["draws"]) / 4)
    assert found["spread_over_draws"] == pytest.approx(statistics.stdev(found["draws"]))


def test_accuracy_of_few_labels_is_that_on_test() -> None:
    splits = contender()
    splits["test"] = replace(splits["test"], labels=torch.tensor([0] * 9 + [1] * 36))
    assert few_labels(splits, probe_predictor(splits, Recorder()), 2, 2, seed=0)[
        "accuracy"
    ] == pytest.approx(9 / 45)


def test_every_task_has_the_accuracy_on_validation_of_a_fit_on_train_alone() -> None:
    splits = contender()
    splits["validation"] = replace(splits["validation"], labels=torch.tensor([0] * 6 + [1] * 24))
    probe = probe_predictor(splits, Recorder())
    assert few_labels(splits, probe, 2, 2, seed=0)[VALIDATION] == pytest.approx(6 / 30)
    found, _ = evaluate_probe(splits, Recorder(lambda a: a), {"a": [0, 1, 2]}, CLASSES)
    assert found["chosen"] == {"a": 1} and found[VALIDATION] == pytest.approx(24 / 30)
    assert found["accuracy"] == pytest.approx(15 / 45), "test's own"


@pytest.mark.parametrize("name", ["train", "validation", "test"])
def test_unlabelled_splits_are_refused_by_name(name: str) -> None:
    splits = contender()
    require_labels(splits)
    splits[name] = replace(splits[name], labels=None)
    with pytest.raises(DataError, match=f"the {name} split has no labels"):
        require_labels(splits)


def test_the_headline_keeps_the_numbers_that_are_compared() -> None:
    found, _ = evaluate_probe(contender(), Recorder(), {"a": [1]}, CLASSES)
    few = few_labels(contender(), probe_predictor(contender(), Recorder()), 2, 2, seed=0)
    kept = headline_metrics({"linear": found, "labels_2": few})
    assert set(kept["linear"]) == {"accuracy", "precision", "recall", "f1", VALIDATION}
    assert set(kept["labels_2"]) == {"accuracy", "spread_over_draws", VALIDATION}
