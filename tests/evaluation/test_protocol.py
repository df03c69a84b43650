"""The protocol frozen-4: what is fitted on what, and who is read when."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.support.evaluated import Recorder, contender, features
from twinview.evaluation import protocol
from twinview.evaluation.contender import Result
from twinview.evaluation.final_probe import final_linear
from twinview.evaluation.protocol import choose_options, predict_test
from twinview.probes.knn import knn
from twinview.probes.linear import linear


def test_options_are_tried_on_validation_and_test_is_read_once_at_the_end() -> None:
    probe = Recorder()
    predict_test(features(), probe, {"a": [1, 2], "b": [3]})
    train, both = list(range(60)), [*range(60), *range(1000, 1030)]
    assert probe.calls == [
        (train, 30, {"a": 1, "b": 3}),
        (train, 30, {"a": 2, "b": 3}),
        (both, 45, {"a": 1, "b": 3}),
    ]


def test_the_best_options_on_validation_are_chosen() -> None:
    splits = features()
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
    splits = features()
    chosen, _ = choose_options(splits["train"], splits["validation"], Recorder(), {"a": [7, 5, 6]})
    assert chosen == {"a": 7}


def test_every_combination_is_tried() -> None:
    splits = features()
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
    splits = features()
    found = predict_test(splits, probe, grid)
    splits["test"] = replace(splits["test"], labels=splits["test"].required_labels().roll(1))
    other = predict_test(splits, probe, grid)
    assert other.chosen == found.chosen and other.tried == found.tried
    assert torch.equal(other.labels, found.labels)


def test_a_contender_has_the_results_of_every_task_in_their_order() -> None:
    named = {name: {name: Result({"accuracy": 0.5})} for name in ("b", "a")}
    tasks = [lambda asked, of=of: of for of in named.values()]
    assert list(protocol.evaluate(contender(), tasks)) == ["b", "a"]


def test_the_probe_that_is_saved_is_the_one_that_read_test() -> None:
    grid = {"C": [0.001, 0.1, 10.0]}
    read = predict_test(features(), linear, grid)
    model, options = final_linear(features(), grid)
    assert options == read.chosen
    assert torch.equal(model.logits(features()["test"].features).argmax(1), read.labels)
