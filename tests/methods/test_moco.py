"""MoCo against a plain loop written from the paper's algorithm 1, and the traps that it has."""

import copy
import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.methods.shared import (
    STEPS,
    WIDTH,
    N,
    Rows,
    average,
    by_hand,
    by_the_loop,
    close,
    made,
    networks,
    same,
)
from tests.methods.shared import slow_copy as copies
from twinview.core import randomness
from twinview.core.errors import ConfigError
from twinview.core.types import Batch, Projections
from twinview.methods.moco import Moco

USUAL: dict[str, Any] = {
    "temperature": 0.3,
    "decay": 0.8,
    "decay_schedule": "constant",
    "queue": 20,
    "symmetric": False,
    "predictor_hidden": None,
    "batch_norm_group": None,
}


def moco(micro_batch: int = N, **changes: object) -> Moco:
    own = made("moco", micro_batch, **(USUAL | changes))
    assert isinstance(own, Moco)
    return own


def unit(x: Tensor) -> Tensor:
    return x / x.norm(dim=1, keepdim=True)


def grouped(encoder: nn.Module, head: nn.Module, x: Tensor, size: int) -> Tensor:
    """As on as many machines as there are groups."""
    return torch.cat([head(encoder(part)) for part in x.split(size)])


@pytest.mark.parametrize("size", [None, 4, 2])
@pytest.mark.parametrize("micro_batch", [8, 4])
def test_three_steps_are_those_of_algorithm_1(size: int | None, micro_batch: int) -> None:
    if size is None and micro_batch < N:
        return  # batch norm in chunks is not that of the whole
    method, (encoder, head) = moco(micro_batch, batch_norm_group=size), networks()
    slow_encoder, slow_head = copies(encoder, head)
    assert method.queue is not None
    queue = unit(method.queue.rows)  # of length 1 in float32 only

    def loss(number: int, first: Tensor, second: Tensor) -> Tensor:
        q = unit(grouped(encoder, head, first, size or N))
        with torch.no_grad():
            with randomness.torch_seeded(0, f"step/{number - 1}/0"):
                order = torch.randperm(N) if size else torch.arange(N)
            shuffled = grouped(slow_encoder, slow_head, second[order], size or N)
            k = unit(torch.stack([shuffled[order.tolist().index(row)] for row in range(N)]))
        positive = torch.stack([q[row] @ k[row] for row in range(N)])[:, None]
        logits = torch.cat([positive, q @ queue.T], dim=1) / 0.3
        keys.append(k)
        return F.cross_entropy(logits, torch.zeros(N, dtype=torch.int64))

    def after(number: int) -> None:
        nonlocal queue
        queue = torch.cat([queue, keys[-1]])[-20:]
        average(slow_encoder, encoder, 0.8)
        average(slow_head, head, 0.8)

    keys: list[Tensor] = []
    fast = nn.ModuleList([encoder, head])
    losses = by_hand(list(fast.parameters()), loss, after)
    assert close(by_the_loop(method), losses)
    slow = nn.ModuleList([slow_encoder, slow_head])
    own_fast = nn.ModuleList([method.encoder.encoder, method.head])
    own_slow = nn.ModuleList([method.slow.encoder.encoder, method.slow.head])
    for one, other in ((own_fast, fast), (own_slow, slow)):
        assert all(close(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))
    assert close(method.queue.rows.roll(-int(method.queue.seen) % 20, dims=0), queue)


def test_version_3_is_symmetric_has_a_predictor_and_no_queue() -> None:
    method = moco(queue=None, symmetric=True, predictor_hidden=6, decay_schedule="cosine")
    encoder, head = networks()
    predictor = copy.deepcopy(method.predictor)
    slow_encoder, slow_head = copies(encoder, head)

    def contrast(q: Tensor, k: Tensor) -> Tensor:
        return F.cross_entropy(unit(q) @ unit(k).T / 0.3, torch.arange(N))

    def loss(number: int, first: Tensor, second: Tensor) -> Tensor:
        both = torch.cat([first, second])
        q = predictor(head(encoder(both)))
        with torch.no_grad():
            k = slow_head(slow_encoder(both))
        return (contrast(q[:N], k[N:]) + contrast(q[N:], k[:N])) / 2

    def after(number: int) -> None:
        decay = 1 - (1 - 0.8) * (math.cos(math.pi * number / STEPS) + 1) / 2
        average(slow_encoder, encoder, decay)
        average(slow_head, head, decay)

    fast = nn.ModuleList([encoder, head, predictor])
    losses = by_hand(list(fast.parameters()), loss, after)
    assert close(by_the_loop(method), losses)
    assert same(nn.ModuleList([method.encoder.encoder, method.head, method.predictor]), fast)


def terms(method: Moco, queries: Tensor, keys: Tensor) -> float:
    return method.terms(Projections(torch.stack([queries, keys]), None))["loss"].item()


def test_a_key_is_no_negative_in_its_own_step() -> None:
    """Enqueued first, the aligned loss would be log(1 + 1 + ...) instead of near zero."""
    method = moco(queue=1, temperature=0.01)
    assert method.queue is not None
    first, other = torch.eye(WIDTH).double()[:2]
    method.queue.rows.copy_(other[None])
    # One negative at a right angle: log(1 + exp(-100)).
    assert terms(method, first[None], first[None]) == pytest.approx(0, abs=1e-12)
    assert terms(method, first[None], first[None]) == pytest.approx(0, abs=1e-12)
    method.queue.after_step(0.5)
    assert terms(method, first[None], first[None]) == pytest.approx(math.log(2))


def test_chance_is_the_loss_of_embeddings_that_say_nothing() -> None:
    method = moco()
    assert method.queue is not None
    same_all = torch.ones(6, WIDTH).double()
    method.queue.rows.copy_(torch.ones(20, WIDTH))
    assert terms(method, same_all, same_all) == pytest.approx(method.chance(6))
    assert method.chance(6) == pytest.approx(math.log(21))
    alone = moco(queue=None)
    assert terms(alone, same_all, same_all) == pytest.approx(alone.chance(6))


def test_both_views_keys_are_queued_when_symmetric() -> None:
    method = moco(symmetric=True)
    by_the_loop(method)
    assert method.queue is not None and int(method.queue.seen) == STEPS * 2 * N


def test_statistics_of_the_keys_do_not_tell_whose_they_are() -> None:
    """Each key's group is another set of examples than its query's, and another in each step."""
    method = moco(batch_norm_group=4)
    views = Rows().take(torch.arange(N), 0, 2)
    groups = []
    for seed in range(4):
        torch.manual_seed(seed)
        z = method.project(Batch(views, None, torch.arange(N))).z
        groups.append(tuple(z[1, 0].tolist()))
    assert len(set(groups)) == 4


def test_evaluation_draws_no_order() -> None:
    method = moco(batch_norm_group=4).eval()
    before = torch.random.get_rng_state()
    method.project(Batch(Rows().take(torch.arange(N), 0, 2), None, torch.arange(N)))
    assert torch.equal(torch.random.get_rng_state(), before)


def test_groups_that_do_not_divide_the_rows_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"batch_norm_group is 3.*the 8 examples.*set it to 1"):
        by_the_loop(moco(batch_norm_group=3))


def test_groups_that_do_not_divide_a_chunk_are_refused_by_the_norm() -> None:
    """Of 8 examples in chunks of 6."""
    with pytest.raises(ConfigError, match=r"'batch_norm_group' is 4,.* 6 rows"):
        by_the_loop(moco(6, batch_norm_group=4))


def test_groups_of_both_views_together_are_refused() -> None:
    """16 divides the rows of two views, and a group would hold an example's both."""
    with pytest.raises(ConfigError, match=r"batch_norm_group is 16.*the 8 examples.*set it to 8"):
        by_the_loop(moco(batch_norm_group=16, symmetric=True))
