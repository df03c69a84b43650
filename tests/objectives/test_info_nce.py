"""InfoNCE against a loop written from the papers (arXiv 1911.05722, eq. 1) and closed forms."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.objectives.shared import (
    EXACT,
    HALVES,
    TEMPERATURES,
    assert_halves_lose_nothing,
    assert_nothing_to_learn,
    assert_same,
    cosine,
    embeddings,
)
from twinview.objectives.info_nce import info_nce


def loop(z: Tensor, queue: Tensor | None, temperature: float) -> Tensor:
    """One sum a query, over its own key and K negatives."""
    queries, keys = z
    total = z.new_zeros(())
    for i, q in enumerate(queries):
        own = torch.exp(cosine(q, keys[i]) / temperature)
        negatives = queue if queue is not None else [k for j, k in enumerate(keys) if j != i]
        others = z.new_zeros(())
        for k in negatives:
            others = others + torch.exp(cosine(q, k) / temperature)
        total = total - torch.log(own / (own + others))
    return total / len(queries)


@pytest.mark.parametrize("temperature", [0.05, 0.2, 1.0])
@pytest.mark.parametrize("k", [None, 1, 9])
def test_value_and_gradient_are_the_paper_s(k: int | None, temperature: float) -> None:
    queue = None if k is None else embeddings(k, 5, seed=1)[0]
    assert_same(
        lambda z: info_nce(z, None, queue, temperature=temperature),
        lambda z: loop(z, queue, temperature),
        embeddings(7, 5),
    )


@pytest.mark.parametrize("k", [None, 1500])
def test_many_tiles_are_one_matrix(k: int | None) -> None:
    queue = None if k is None else embeddings(k, 16, seed=1)[0]

    def dense(z: Tensor) -> Tensor:
        queries, keys = F.normalize(z, dim=2)
        if queue is None:
            return F.cross_entropy(queries @ keys.T / 0.1, torch.arange(len(keys)))
        negatives = queries @ F.normalize(queue, dim=1).T
        logits = torch.cat([(queries * keys).sum(1, keepdim=True), negatives], dim=1) / 0.1
        return F.cross_entropy(logits, torch.zeros(len(keys), dtype=torch.int64))

    assert_same(lambda z: info_nce(z, None, queue, temperature=0.1), dense, embeddings(700, 16))


def test_the_gradient_is_that_of_finite_differences() -> None:
    z, queue = embeddings(3, 4).requires_grad_(), embeddings(5, 4)[0]
    for negatives in (None, queue):
        by = {"queue": negatives, "temperature": 0.5}
        assert torch.autograd.gradcheck(lambda z, by=by: info_nce(z, None, **by), z)


def test_identical_embeddings_cost_the_log_of_the_candidates() -> None:
    z = torch.ones(2, 6, 3, dtype=torch.float64)
    assert info_nce(z, None, None, temperature=0.1).item() == pytest.approx(math.log(6))
    by_queue = info_nce(z, None, torch.ones(50, 3).double(), temperature=0.1).item()
    assert by_queue == pytest.approx(math.log(51))


def test_aligned_keys_among_opposite_negatives_cost_their_closed_form() -> None:
    z, queue = torch.ones(2, 4, 1).double(), -torch.ones(9, 1).double()
    expected = math.log(1 + 9 * math.exp(-2 / 0.5))
    assert info_nce(z, None, queue, temperature=0.5).item() == pytest.approx(expected)


def test_queue_and_example_order_do_not_matter() -> None:
    z, queue = embeddings(6, 4), embeddings(8, 4, seed=1)[0]
    loss = info_nce(z, None, queue, temperature=0.2)
    assert torch.allclose(
        info_nce(z.flip(1), None, queue, temperature=0.2), loss, rtol=0, atol=EXACT
    )
    assert torch.allclose(
        info_nce(z, None, queue.flip(0), temperature=0.2), loss, rtol=0, atol=EXACT
    )


def test_with_a_queue_the_other_keys_are_no_negatives() -> None:
    z, queue = embeddings(6, 4), embeddings(8, 4, seed=1)[0]
    each = [info_nce(z[:, i : i + 1], None, queue, temperature=0.2) for i in range(6)]
    together = info_nce(z, None, queue, temperature=0.2)
    assert torch.allclose(torch.stack(each).mean(), together, rtol=0, atol=EXACT)


def test_detached_keys_leave_the_gradient_of_the_queries_as_it_is() -> None:
    z, queue = embeddings(6, 4), embeddings(8, 4, seed=1)[0]
    queries, keys = z.clone().requires_grad_(), z[1].clone()
    halves = torch.stack([queries[0], keys])
    info_nce(halves, None, queue, temperature=0.2).backward()
    whole = z.clone().requires_grad_()
    info_nce(whole, None, queue, temperature=0.2).backward()
    assert queries.grad is not None and whole.grad is not None
    assert torch.allclose(queries.grad[0], whole.grad[0], rtol=0, atol=EXACT)
    assert (queries.grad[1] == 0).all() and (whole.grad[1] != 0).any()


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("temperature", TEMPERATURES)
@pytest.mark.parametrize("queued", [False, True])
def test_half_precision_loses_nothing(dtype: torch.dtype, temperature: float, queued: bool) -> None:
    def objective(z: Tensor) -> Tensor:
        queue = embeddings(30, 8, seed=1)[0].to(dtype).to(z.dtype) if queued else None
        return info_nce(z, None, queue, temperature=temperature)

    assert_halves_lose_nothing(objective, dtype, temperature)


def test_labels_are_not_looked_at() -> None:
    z = embeddings(6, 4)
    blind = info_nce(z, None, None, temperature=0.2)
    assert torch.equal(info_nce(z, torch.zeros(6).long(), None, temperature=0.2), blind)


def test_one_query_without_a_queue_has_nothing_to_learn() -> None:
    assert_nothing_to_learn(lambda z: info_nce(z, None, None, temperature=0.2), embeddings(1, 4))
