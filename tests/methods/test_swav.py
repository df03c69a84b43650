"""SwAV against a plain loop written from the paper's algorithm 1, and the traps that it has."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.methods.shared import (
    STEPS,
    WIDTH,
    N,
    Rows,
    by_hand,
    by_the_loop,
    close,
    made,
    networks,
    same,
)
from twinview.core.errors import ConfigError
from twinview.core.types import Batch, Projections
from twinview.methods.swav import Swav

USUAL: dict[str, Any] = {
    "prototypes": 6,
    "temperature": 0.2,
    "epsilon": 0.1,
    "iterations": 3,
    "frozen_until": 0.0,
    "queue": None,
    "queue_from": 0.0,
    "small_crops": None,
}


def swav(**changes: object) -> Swav:
    own = made("swav", **(USUAL | changes))
    assert isinstance(own, Swav)
    return own


def crops(count: int) -> dict[str, Any] | None:
    return {"count": count, "side": 1, "scale": [0.1, 0.3]} if count else None


def rows(small: int) -> Rows:
    """Two views of each row, and as many small crops."""
    views, own = Rows(), torch.randn(small, STEPS * N, 6, generator=generator(1)).double()
    if small:
        views.small_crops = lambda rows, epoch: own[:, rows]
    return views


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def sinkhorn(scores: Tensor) -> Tensor:
    """The paper's listing, with sums over a transposed matrix."""
    q = (scores / 0.1).exp().T
    q = q / q.sum()
    k, b = q.shape
    for _ in range(3):
        q = q * ((1 / k) / q.sum(1))[:, None]
        q = q * ((1 / b) / q.sum(0))[None]
    return (q / q.sum(0, keepdim=True)).T


@pytest.mark.parametrize("small", [0, 1, 3])
@pytest.mark.parametrize("frozen_steps", [0, 1, 2])
@pytest.mark.parametrize(("queue", "begins"), [(None, 0), (8, 1), (12, 1), (8, 2)])
def test_three_steps_are_those_of_algorithm_1(
    small: int, frozen_steps: int, queue: int | None, begins: int
) -> None:
    """With small crops: section 3.2, equation 4, as a mean over its pairs."""
    frozen_until, queue_from = (frozen_steps + 0.0) / STEPS, begins / STEPS
    options = {"frozen_until": frozen_until, "queue": queue, "queue_from": queue_from}
    method = swav(**options, small_crops=crops(small))
    encoder, head = networks()
    prototypes = nn.Parameter(method.prototypes.weight.detach().clone())
    earlier = torch.empty(0, 2, WIDTH).double()
    newest: list[Tensor] = []

    def loss(number: int, first: Tensor, second: Tensor, *small: Tensor) -> Tensor:
        sizes = [torch.cat([first, second]), *([torch.cat(small)] if small else [])]
        z = head(torch.cat([encoder(size) for size in sizes]))
        z = z / z.norm(dim=1, keepdim=True)
        c = prototypes if number > frozen_steps else prototypes.detach()
        scores = (z @ c.T).split(N)
        newest.append(torch.stack(z.detach().split(N)[:2], dim=1))
        losses = []
        for i in range(2):
            with torch.no_grad():
                old = earlier if queue and len(earlier) >= queue else earlier[:0]
                q = sinkhorn(torch.cat([old[:, i] @ c.T, scores[i]]))[-N:]
            for v, said in enumerate(scores):
                if v != i:
                    losses.append(-(q * (said / 0.2).softmax(1).log()).sum(1).mean())
        return torch.stack(losses).mean()

    def after(number: int) -> None:
        nonlocal earlier
        prototypes.copy_(prototypes / prototypes.norm(dim=1, keepdim=True))
        if number >= begins:
            earlier = torch.cat([earlier, newest[-1]])[-(queue or 1) :]

    fast = nn.ModuleList([encoder, head])
    losses = by_hand([*fast.parameters(), prototypes], loss, after, rows(small))
    assert close(by_the_loop(method, rows(small)), losses)
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
    z = (100 * torch.randn(2, 9, WIDTH)).to(dtype).requires_grad_()
    loss = method.terms(Projections(z, None))["loss"]
    assert loss.dtype == torch.float32 and loss.isfinite()
    assert torch.autograd.grad(loss, z)[0].isfinite().all()


def test_a_beginning_of_no_queue_is_refused() -> None:
    with pytest.raises(
        ConfigError, match=r"queue_from is 0\.5, and there is no queue; set it to 0"
    ):
        swav(queue=None, queue_from=0.5)


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


def test_without_small_crops_the_loss_is_that_of_two_views() -> None:
    method, z = swav(), torch.randn(2, 9, WIDTH).double()
    unit = nn.functional.normalize(z, dim=2)
    scores = method.prototypes(unit)
    said = (scores / 0.2).log_softmax(2)
    expected = -(method._codes(unit, scores).flip(0) * said).sum(2).mean()
    assert close(method.terms(Projections(z, None))["loss"], expected)


def test_small_crops_have_no_codes_of_their_own() -> None:
    """Nor do they change the views' codes, or enter the queue."""
    method, z = swav(small_crops=crops(4), queue=8), torch.randn(6, 9, WIDTH).double()
    seen: list[Tensor] = []
    method._codes = lambda unit, scores: seen.append(unit) or scores.softmax(2)  # type: ignore[method-assign,func-returns-value]
    method.terms(Projections(z, None))
    assert close(seen[0], nn.functional.normalize(z[:2], dim=2))


def test_the_order_of_small_crops_does_not_matter() -> None:
    method, z = swav(small_crops=crops(4)), torch.randn(6, 9, WIDTH).double()
    losses = [method.terms(Projections(x, None))["loss"] for x in (z, z[[0, 1, 5, 3, 2, 4]])]
    assert close(*losses)


def test_small_crops_that_say_nothing_cost_chance() -> None:
    method = swav(small_crops=crops(3))
    z = torch.ones(5, 9, WIDTH).double()
    method.prototypes.weight.data.copy_(torch.ones(6, WIDTH) / math.sqrt(WIDTH))
    assert method.terms(Projections(z, None))["loss"].item() == pytest.approx(method.chance(9))


def test_what_is_measured_are_the_two_views() -> None:
    method = swav(small_crops=crops(3)).eval()
    batch = Batch(torch.randn(2, 4, 6).double(), None, torch.arange(4))
    assert method.project(batch).z.shape == (2, 4, WIDTH)
