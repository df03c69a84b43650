"""SwAV against a plain loop written from the paper's algorithm 1, and the traps that it has."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.methods.shared import STEPS, WIDTH, N, by_hand, by_the_loop, close, made, networks, same
from twinview.methods.swav import Swav
from twinview.types import Projections

USUAL: dict[str, Any] = {
    "prototypes": 6,
    "temperature": 0.2,
    "epsilon": 0.1,
    "iterations": 3,
    "frozen_until": 0.0,
    "queue": None,
    "queue_from": 0.0,
}


def swav(**changes: object) -> Swav:
    own = made("swav", **(USUAL | changes))
    assert isinstance(own, Swav)
    return own


def sinkhorn(scores: Tensor) -> Tensor:
    """The paper's listing, with sums over a transposed matrix."""
    q = (scores / 0.1).exp().T
    q = q / q.sum()
    k, b = q.shape
    for _ in range(3):
        q = q * ((1 / k) / q.sum(1))[:, None]
        q = q * ((1 / b) / q.sum(0))[None]
    return (q / q.sum(0, keepdim=True)).T


@pytest.mark.parametrize("frozen_steps", [0, 1, 2])
@pytest.mark.parametrize(("queue", "begins"), [(None, 0), (8, 1), (12, 1), (8, 2)])
def test_three_steps_are_those_of_algorithm_1(
    frozen_steps: int, queue: int | None, begins: int
) -> None:
    frozen_until, queue_from = (frozen_steps + 0.0) / STEPS, begins / STEPS
    method = swav(frozen_until=frozen_until, queue=queue, queue_from=queue_from)
    encoder, head = networks()
    prototypes = nn.Parameter(method.prototypes.weight.detach().clone())
    earlier = torch.empty(0, 2, WIDTH).double()
    newest: list[Tensor] = []

    def loss(number: int, first: Tensor, second: Tensor) -> Tensor:
        z = head(encoder(torch.cat([first, second])))
        z = z / z.norm(dim=1, keepdim=True)
        c = prototypes if number > frozen_steps else prototypes.detach()
        s, t = (z @ c.T).split(N)
        newest.append(torch.stack(z.detach().split(N), dim=1))
        with torch.no_grad():
            old = earlier if queue and len(earlier) >= queue else earlier[:0]
            q_s = sinkhorn(torch.cat([old[:, 0] @ c.T, s]))[-N:]
            q_t = sinkhorn(torch.cat([old[:, 1] @ c.T, t]))[-N:]
        p_s, p_t = (s / 0.2).softmax(1), (t / 0.2).softmax(1)
        return -0.5 * (q_s * p_t.log() + q_t * p_s.log()).sum(1).mean()

    def after(number: int) -> None:
        nonlocal earlier
        prototypes.copy_(prototypes / prototypes.norm(dim=1, keepdim=True))
        if number >= begins:
            earlier = torch.cat([earlier, newest[-1]])[-(queue or 1) :]

    fast = nn.ModuleList([encoder, head])
    losses = by_hand([*fast.parameters(), prototypes], loss, after)
    assert close(by_the_loop(method), losses)
    assert same(nn.ModuleList([method.encoder.encoder, method.head]), fast)
    assert close(method.prototypes.weight.detach(), prototypes.detach())


def test_codes_share_the_batch_evenly_when_it_is_iterated() -> None:
    method = swav(iterations=300)
    unit = nn.functional.normalize(torch.randn(2, 9, WIDTH).double(), dim=2)
    codes = method._codes(unit, method.prototypes(unit))
    assert codes.sum(2).allclose(torch.ones(2, 9).double())
    assert codes.sum(1).allclose(torch.full((2, 6), 9 / 6).double(), atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_no_precision_overflows_and_codes_are_float32(dtype: torch.dtype) -> None:
    method = swav(epsilon=0.005, temperature=0.005).float()
    z = (100 * torch.randn(2, 9, WIDTH)).to(dtype)
    loss = method.terms(Projections(z, None))["loss"]
    assert loss.dtype == torch.float32 and loss.isfinite()


def test_the_length_of_embeddings_does_not_matter() -> None:
    method, z = swav(), torch.randn(2, 9, WIDTH).double()
    lengths = torch.rand(2, 9, 1) + 0.1
    losses = [method.terms(Projections(x, None))["loss"].item() for x in (z, z * lengths)]
    assert losses[0] == pytest.approx(losses[1])


def test_collapse_costs_the_log_of_the_prototypes_which_is_chance() -> None:
    method = swav()
    method.prototypes.weight.data.copy_(torch.ones(6, WIDTH) / math.sqrt(WIDTH))
    z = torch.ones(2, 9, WIDTH).double()
    found = method.terms(Projections(z, None))["loss"].item()
    assert found == pytest.approx(math.log(6)) == method.chance(9)


def test_codes_are_targets_without_gradient() -> None:
    """The gradient is that with the codes held fixed."""
    method, z = swav(), torch.randn(2, 9, WIDTH).double().requires_grad_()
    unit = nn.functional.normalize(z, dim=2)
    codes = method._codes(unit, method.prototypes(unit))
    said = (method.prototypes(unit) / 0.2).log_softmax(2)
    expected = torch.autograd.grad(-(codes.flip(0) * said).sum(2).mean(), z)[0]
    found = torch.autograd.grad(method.terms(Projections(z, None))["loss"], z)[0]
    assert not codes.requires_grad and torch.allclose(found, expected)
