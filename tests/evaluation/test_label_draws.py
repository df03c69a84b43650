"""Few labels, drawn several times: which rows, and what is made of the draws."""

import statistics
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.support.evaluated import CLASSES, features
from tests.support.predicted import linear
from twinview.core.entries import SPREAD
from twinview.core.errors import ConfigError
from twinview.core.types import Embeddings
from twinview.evaluation.label_draws import (
    READ_SPLITS,
    LabelPredictor,
    draw_labelled_rows,
    mean_over_draws,
)

OPTIONS: dict[str, Any] = {"classes": CLASSES, "task": "few_labels"}


def rows_of(labels: Tensor, per_class: int, draws: int, seed: int) -> Iterator[Tensor]:
    return draw_labelled_rows(labels, per_class, draws, seed, task="few_labels")


def recording(asked: list[list[int]]) -> LabelPredictor:
    """Says class 0 of everything, and remembers the rows whose labels it may use."""

    def predict(rows: Tensor) -> dict[str, Tensor]:
        asked.append(rows.tolist())
        sizes = {"validation": 30, "test": 45}
        return {name: torch.zeros(size, dtype=torch.long) for name, size in sizes.items()}

    return predict


def by_probe(parts: Mapping[str, Embeddings]) -> LabelPredictor:
    return lambda rows: {
        name: linear(parts["train"].take(rows), parts[name].features, C=0.1) for name in READ_SPLITS
    }


def test_draws_have_each_class_equally_often_and_no_row_twice() -> None:
    labels = torch.tensor([0] * 7 + [1] * 20 + [4] * 9)
    for rows in rows_of(labels, 5, 3, seed=0):
        assert len(rows.unique()) == len(rows) == 15
        assert labels[rows].bincount().tolist() == [5, 5, 0, 0, 5]


def test_a_class_can_be_used_up() -> None:
    (rows,) = rows_of(torch.arange(12) % 3, 4, 1, seed=0)
    assert sorted(rows.tolist()) == list(range(12))


def test_draws_differ_and_follow_the_seed() -> None:
    labels = torch.arange(300) % 3
    first, second = (r.tolist() for r in rows_of(labels, 5, 2, seed=0))
    assert first != second
    assert [r.tolist() for r in rows_of(labels, 5, 2, seed=0)] == [first, second]
    assert next(rows_of(labels, 5, 2, seed=1)).tolist() != first


def test_a_draw_does_not_depend_on_how_many_there_are() -> None:
    labels = torch.arange(300) % 3
    some, more = (
        list(rows_of(labels, 5, 2, seed=0)),
        list(rows_of(labels, 5, 4, seed=0)),
    )
    assert all(torch.equal(a, b) for a, b in zip(some, more, strict=False))


def test_draws_are_spread_over_all_rows_of_a_class() -> None:
    labels = torch.arange(300) % 3
    drawn = torch.cat(list(rows_of(labels, 50, 20, seed=0))).unique()
    # A row is left out of all 20 draws with probability 2^-20.
    assert len(drawn) == 300


def test_more_labels_than_a_class_has_are_refused_with_its_number() -> None:
    labels = torch.tensor([0] * 7 + [1] * 20)
    with pytest.raises(
        ConfigError, match=r"tasks\.few_labels\.per_class asks for 8 labels a class, but .* has 7"
    ):
        next(rows_of(labels, 8, 3, seed=0))


def test_all_contenders_get_the_same_draws_and_no_further_labels() -> None:
    asked: list[list[list[int]]] = []
    for seed in (0, 1):
        rows: list[list[int]] = []
        mean_over_draws(features(seed), recording(rows), 4, 3, seed=0, **OPTIONS)
        asked.append(rows)
    assert asked[0] == asked[1]
    assert [(len(rows), max(rows) < 60) for rows in asked[0]] == [(12, True)] * 3


def test_the_result_is_mean_and_sample_deviation_over_draws_of_test() -> None:
    found = mean_over_draws(features(), by_probe(features()), 2, 4, seed=0, **OPTIONS)
    draws = found.details["draws"]
    assert len(draws) == 4 and len(set(draws)) > 1
    assert found.metrics["accuracy"] == pytest.approx(sum(draws) / 4)
    assert found.metrics[SPREAD] == pytest.approx(statistics.stdev(draws))


def test_test_and_validation_have_an_accuracy_of_their_own() -> None:
    parts = features()
    parts["test"] = replace(parts["test"], labels=torch.tensor([0] * 9 + [1] * 36))
    parts["validation"] = replace(parts["validation"], labels=torch.tensor([0] * 6 + [1] * 24))
    found = mean_over_draws(parts, recording([]), 2, 2, seed=0, **OPTIONS).metrics
    assert found["accuracy"] == pytest.approx(9 / 45)
    assert found["validation_accuracy"] == pytest.approx(6 / 30)
