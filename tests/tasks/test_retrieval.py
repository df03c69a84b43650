"""Retrieval: closed forms of its measures, and what it asks of the features."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from twinview.core.types import Embeddings
from twinview.evaluation.contender import Contender
from twinview.tasks.retrieval import retrieval

NO_PARTS: dict[str, Embeddings] = {}


def measured(views: Callable[..., Tensor], draws: int = 2) -> dict[str, float]:
    contender = Contender(NO_PARTS, (), {}, lambda of, *_: iter(of), views)
    found = retrieval(contender, query=1, target=0, examples=20, draws=draws, seed=0)
    return dict(found["retrieval"].metrics)


def test_a_query_that_equals_its_target_is_always_found() -> None:
    same = torch.eye(20).repeat(2, 1, 1)
    found = measured(lambda *_: same)
    assert found["recall_at_1"] == found["mrr"] == found["ndcg_at_10"] == 1


def test_the_second_place_counts_as_its_closed_forms_say() -> None:
    queries = torch.eye(20)
    targets = queries + 2 * queries.roll(1, 0)  # each query is nearer to the next one's target
    found = measured(lambda *_: torch.stack([queries, targets]))
    assert found["recall_at_1"] == 0 and found["recall_at_5"] == 1
    assert found["mrr"] == pytest.approx(1 / 2) and found["ndcg_at_10"] == pytest.approx(
        1 / math.log2(3)
    )


def test_features_that_are_all_alike_find_nothing() -> None:
    assert measured(lambda *_: torch.ones(2, 20, 3))["recall_at_10"] == 0


def test_each_draw_asks_for_the_two_companions_with_a_seed_of_its_own() -> None:
    asked: list[tuple[object, ...]] = []

    def views(*given: object) -> Tensor:
        asked.append(given)
        return torch.eye(4).repeat(2, 1, 1)

    measured(views, draws=2)
    assert [given for given in asked if given[0] == "test"] == [
        ("test", 20, 0, (1, 0)),
        ("test", 20, 1, (1, 0)),
    ]
