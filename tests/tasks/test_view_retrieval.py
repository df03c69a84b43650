"""View retrieval: the ranks of partners, by a naive loop and closed forms."""

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from tests.support.evaluated import contender
from twinview.evaluation import view_ranks as module
from twinview.evaluation.view_ranks import ranks_of_partners
from twinview.tasks.view_retrieval import view_retrieval


def measured(views: Callable[[str, int, int], Tensor], examples: int = 6) -> dict[str, float]:
    asked = replace(contender(), views=views)
    (result,) = view_retrieval(asked, examples=examples, seed=0).values()
    return dict(result.metrics)


def test_the_entry_says_among_how_many_examples() -> None:
    asked = replace(contender(), views=lambda split, count, seed: noisy(7))
    found = view_retrieval(asked, examples=2000, seed=0)["view_retrieval"]
    assert found.words == "view retrieval among 7 examples"


def noisy(n: int, noise: float = 0.8) -> Tensor:
    random = torch.Generator().manual_seed(3)
    return torch.randn(n, 5, generator=random) + noise * torch.randn(2, n, 5, generator=random)


def test_ranks_are_those_of_a_loop_over_all_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ROWS", 7)  # a block that divides 20 with a rest
    views = noisy(20).double()
    expected = torch.zeros(2, 20, dtype=torch.long)
    for v in range(2):
        for i in range(20):
            cosines = [
                float(torch.cosine_similarity(views[v, i], views[1 - v, j], dim=0))
                for j in range(20)
            ]
            expected[v, i] = 1 + sum(c > cosines[i] for j, c in enumerate(cosines) if j != i)
    assert int(expected.max()) > 1, "an easy case would show nothing"
    assert torch.equal(ranks_of_partners(views), expected)


def test_the_length_of_features_does_not_count() -> None:
    views = noisy(20)
    lengths = 1 + torch.arange(40).reshape(2, 20, 1) % 5
    assert torch.equal(ranks_of_partners(views * lengths), ranks_of_partners(views))


def test_views_that_are_alike_find_each_other_and_shifted_ones_do_not() -> None:
    rows = torch.eye(6)
    found = measured(lambda *_: torch.stack([rows, 3 * rows]))
    assert found == {
        "recall_at_1": 1.0,
        "recall_at_5": 1.0,
        "negative_alignment": 0.0,
        "validation_recall_at_1": 1.0,
    }
    shifted = measured(lambda *_: torch.stack([rows, rows.roll(1, 0)]))
    assert shifted["recall_at_1"] == shifted["recall_at_5"] == 0, "the partner is among ties"
    assert shifted["negative_alignment"] == pytest.approx(-2), "of orthogonal unit features"


def test_features_that_are_all_alike_find_nothing_although_they_are_aligned() -> None:
    found = measured(lambda split, count, seed: torch.ones(2, count, 3))
    assert found["recall_at_1"] == found["recall_at_5"] == 0
    assert found["negative_alignment"] == pytest.approx(0, abs=1e-12)


def test_both_directions_count() -> None:
    """Both first views are nearest to the first second view; each second view finds its own."""
    angles = torch.tensor([[0.0, 0.5], [0.2, 1.5]])
    views = torch.stack([angles.cos(), angles.sin()], 2)
    assert ranks_of_partners(views).tolist() == [[1, 2], [1, 1]]
    assert measured(lambda *_: views)["recall_at_1"] == 0.75


def test_recall_at_5_is_the_share_of_ranks_up_to_5() -> None:
    views, ranks = noisy(40, 2.0), ranks_of_partners(noisy(40, 2.0))
    share = int((ranks <= 5).sum()) / 80
    assert measured(lambda *_: views)["recall_at_5"] == share > int((ranks <= 1).sum()) / 80


def test_test_and_validation_are_asked_for_with_count_and_seed() -> None:
    asked: list[tuple[str, int, int]] = []

    def views(split: str, count: int, seed: int) -> Tensor:
        asked.append((split, count, seed))
        return noisy(count, 0.0 if split == "test" else 3.0)

    found = measured(views, examples=30)
    assert asked == [("test", 30, 0), ("validation", 30, 0)]
    assert found["recall_at_1"] == 1.0 > found["validation_recall_at_1"]
    assert all(math.isfinite(value) for value in found.values())
