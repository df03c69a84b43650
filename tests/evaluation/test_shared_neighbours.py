"""Stability of neighbours: what two encoders agree on, by a loop and closed forms."""

from dataclasses import replace

import pytest
import torch

from tests.support.evaluated import features
from twinview.core.types import Embeddings
from twinview.evaluation.shared_neighbours import shared_neighbours


def shared(first: dict[str, Embeddings], second: dict[str, Embeddings], count: int = 7) -> float:
    return shared_neighbours(first, second, count=count, examples=1000, seed=0)


def test_the_share_is_that_of_a_loop_over_all_pairs() -> None:
    first, second = features(0), features(1)
    total = 0
    for row in range(45):
        sets = []
        for parts in (first, second):
            query, bank = parts["test"].features[row], parts["train"].features
            cosines = [float(torch.cosine_similarity(query, of, dim=0)) for of in bank]
            sets.append(set(sorted(range(60), key=lambda place: -cosines[place])[:7]))
        total += len(sets[0] & sets[1])
    assert 0 < total < 45 * 7
    assert shared(first, second) == pytest.approx(total / (45 * 7))


def test_features_in_other_directions_and_of_other_lengths_have_the_same_neighbours() -> None:
    first = features()
    turn = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(0))).Q
    turned = {
        name: replace(part, features=4 * part.features @ turn) for name, part in first.items()
    }
    assert shared(first, turned) == 1


def test_opposite_neighbours_share_nothing_and_all_neighbours_are_shared() -> None:
    first = features()
    test = first["test"]
    opposite = first | {"test": replace(test, features=-test.features)}
    assert shared(first, opposite) == 0
    assert shared(first, opposite, count=60) == 1


def test_unrelated_features_share_what_chance_gives() -> None:
    random = torch.Generator().manual_seed(0)
    rows = torch.arange(2000)
    parts = [
        {
            name: Embeddings(torch.randn(2000, 8, generator=random), None, rows)
            for name in ("train", "test")
        }
        for _ in range(2)
    ]
    # 200 of 2,000; a share's standard error over 1,000 queries is far below .01.
    assert shared(*parts, count=200) == pytest.approx(0.1, abs=0.01)


def test_the_seed_chooses_the_examples() -> None:
    found = [
        shared_neighbours(features(0), features(1), count=3, examples=10, seed=seed)
        for seed in (0, 0, 1)
    ]
    assert found[0] == found[1] != found[2]
