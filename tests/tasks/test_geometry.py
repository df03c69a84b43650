"""Geometry: effective rank and uniformity of frozen features."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from tests.support.evaluated import contender, features
from twinview.core import entries
from twinview.evaluation.contender import in_words
from twinview.tasks.geometry import geometry


def measured(test: Tensor, examples: int = 40, seed: int = 0) -> dict[str, float]:
    parts = features()
    parts["test"] = replace(parts["test"], features=test)
    found = geometry(contender(parts), examples=examples, seed=seed)
    return dict(found["geometry"].metrics)


def test_equal_shares_of_k_orthogonal_directions_have_rank_k() -> None:
    rows = torch.eye(8).repeat(5, 1)
    assert measured(rows)["effective_rank"] == pytest.approx(8)


@pytest.mark.parametrize(("asked", "words"), [(40, "40 examples"), (2000, "45 examples")])
def test_the_entry_says_how_many_examples_were_measured(asked: int, words: str) -> None:
    found = geometry(contender(features()), examples=asked, seed=0)
    declared = entries.declared({"geometry": {"examples": asked}})
    assert in_words(declared, found)["geometry"].words == f"geometry of {words}"


def test_uniformity_is_the_log_of_the_mean_potential_over_pairs() -> None:
    rows = torch.eye(2).repeat(2, 1) * torch.tensor([[1.0], [2.0], [3.0], [4.0]])  # any length
    # Of six pairs two are alike (distance 0) and four have the squared distance 2.
    expected = -math.log((2 + 4 * math.exp(-4)) / 6)
    assert measured(rows, examples=4)["negative_uniformity"] == pytest.approx(expected)


def test_features_that_are_all_alike_have_rank_one_and_no_uniformity() -> None:
    found = measured(torch.ones(45, 6))
    assert found["effective_rank"] == pytest.approx(1)
    assert found["negative_uniformity"] == pytest.approx(0, abs=1e-9)


def test_validation_is_measured_beside_test_and_train_is_not_read() -> None:
    parts = features()
    before = geometry(contender(parts), examples=20, seed=0)["geometry"].metrics
    parts["train"] = replace(parts["train"], features=torch.full((60, 3), math.nan))
    assert geometry(contender(parts), examples=20, seed=0)["geometry"].metrics == before
    parts["validation"] = replace(parts["validation"], features=torch.ones(30, 3))
    after = geometry(contender(parts), examples=20, seed=0)["geometry"].metrics
    assert after["validation_effective_rank"] == pytest.approx(1)
    assert after["effective_rank"] == before["effective_rank"]


def test_the_seed_chooses_the_examples() -> None:
    rows = features()["test"].features
    assert measured(rows, 10, seed=0) == measured(rows, 10, seed=0) != measured(rows, 10, seed=1)
