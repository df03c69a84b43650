"""DINO against a plain loop written from the paper's algorithm 1, and the traps that it has."""

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
    average,
    by_hand,
    by_the_loop,
    close,
    made,
    networks,
    same,
)
from tests.methods.shared import slow_copy as copies
from tests.objectives.shared import embeddings
from twinview.core.types import Batch, Projections
from twinview.methods.dino import Centre, Dino

K, TEMPERATURE, SHARP, DECAY, CENTRE_DECAY = 6, 0.2, 0.07, 0.8, 0.7
USUAL: dict[str, Any] = {
    "prototypes": K,
    "temperature": TEMPERATURE,
    "teacher_temperature": SHARP,
    "decay": DECAY,
    "centre_decay": CENTRE_DECAY,
    "frozen_until": 0.0,
    "small_crops": None,
}


def dino(small: int = 0, **changes: object) -> Dino:
    crops = {"count": small, "side": 1, "scale": [0.1, 0.3]} if small else None
    own = made("dino", **(USUAL | {"small_crops": crops} | changes))
    assert isinstance(own, Dino)
    return own


def rows(small: int) -> Rows:
    """Two views of each row, and as many small crops."""
    random = torch.Generator().manual_seed(1)
    views, own = Rows(), torch.randn(small, STEPS * N, 6, generator=random).double()
    if small:
        views.small_crops = lambda rows, epoch: own[:, rows]
    return views


def unit(x: Tensor) -> Tensor:
    return x / x.norm(dim=1, keepdim=True)


def entropy(teacher: Tensor, student: Tensor, centre: Tensor) -> Tensor:
    """H of the listing, example by example."""
    total = torch.zeros(()).double()
    for t, s in zip((teacher - centre) / SHARP, student / TEMPERATURE, strict=True):
        p, q = t.exp() / t.exp().sum(), s.exp() / s.exp().sum()
        total = total - (p * q.log()).sum()
    return total / len(teacher)


@pytest.mark.parametrize("small", [0, 1, 3])
@pytest.mark.parametrize("frozen_steps", [0, 2])
def test_three_steps_are_those_of_algorithm_1(small: int, frozen_steps: int) -> None:
    """With small crops: equation 3, as a mean over its pairs."""
    method, (encoder, head) = dino(small, frozen_until=frozen_steps / STEPS), networks()
    slow_encoder, slow_head = copies(encoder, head)
    layer = nn.Parameter(method.prototypes.weight.detach().clone())
    slow_layer, centre = layer.detach().clone(), torch.zeros(K).double()
    newest: list[Tensor] = []

    def loss(number: int, first: Tensor, second: Tensor, *crops: Tensor) -> Tensor:
        sizes = [torch.cat([first, second]), *([torch.cat(crops)] if crops else [])]
        z = head(torch.cat([encoder(size) for size in sizes]))
        weight = layer if number > frozen_steps else layer.detach()
        students = (unit(z) @ weight.T).split(N)
        with torch.no_grad():
            teachers = (unit(slow_head(slow_encoder(sizes[0]))) @ slow_layer.T).split(N)
        newest.append(torch.cat(teachers).mean(0))
        pairs = [(t, s) for i, t in enumerate(teachers) for j, s in enumerate(students) if i != j]
        return torch.stack([entropy(t, s, centre) for t, s in pairs]).mean()

    def after(number: int) -> None:
        nonlocal centre, slow_layer
        layer.copy_(unit(layer))
        tau = 1 - (1 - DECAY) * (math.cos(math.pi * number / STEPS) + 1) / 2
        average(slow_encoder, encoder, tau)
        average(slow_head, head, tau)
        slow_layer = unit(tau * slow_layer + (1 - tau) * layer.detach())
        centre = CENTRE_DECAY * centre + (1 - CENTRE_DECAY) * newest[-1]

    fast = nn.ModuleList([encoder, head])
    losses = by_hand([*fast.parameters(), layer], loss, after, rows(small))
    assert close(by_the_loop(method, rows(small)), losses)
    assert same(nn.ModuleList([method.encoder.encoder, method.head]), fast)
    slow = nn.ModuleList([method.slow.encoder.encoder, method.slow.head])
    assert same(slow, nn.ModuleList([slow_encoder, slow_head]))
    assert close(method.prototypes.weight.detach(), layer.detach())
    assert close(method.slow_prototypes.encoder.weight, slow_layer)
    assert close(method.centre.value, centre)


def loss_of(method: Dino, z: Tensor, targets: Tensor) -> Tensor:
    return method.terms(Projections(z, None, targets))["loss"]


def test_the_centre_is_the_average_of_the_means_and_changes_after_the_step_only() -> None:
    own, scores = Centre(3, 0.9), torch.arange(12.0).view(2, 2, 3)
    own.offer(scores)
    assert torch.equal(own.value, torch.zeros(3))
    own.after_step(0.5)
    assert torch.allclose(own.value, 0.1 * torch.tensor([4.5, 5.5, 6.5]))
    own.after_step(0.6)
    assert torch.allclose(own.value, 0.1 * torch.tensor([4.5, 5.5, 6.5]))


def test_the_centre_is_saved() -> None:
    assert "centre.value" in dino().state_dict()


def test_what_all_examples_prefer_is_taken_off_by_the_centre() -> None:
    """A teacher that says the same of all examples says nothing: its target is even."""
    method, alike = dino(), torch.ones(2, 9, WIDTH).double()
    z = embeddings(9, WIDTH)
    before = loss_of(method, z, alike)
    method.centre.value.copy_(method.slow_prototypes(unit(alike[0])[None])[0, 0])
    scores = method.prototypes(z / z.norm(dim=2, keepdim=True))
    even = -(scores / TEMPERATURE).log_softmax(2).mean()
    assert torch.allclose(loss_of(method, z, alike), even) and not torch.allclose(before, even)


def test_chance_is_the_loss_of_even_predictions_whatever_the_teacher_says() -> None:
    method = dino()
    method.prototypes.weight.data.copy_(torch.ones(K, WIDTH) / math.sqrt(WIDTH))
    found = loss_of(method, embeddings(9, WIDTH), embeddings(9, WIDTH, seed=1)).item()
    assert found == pytest.approx(math.log(K)) == method.chance(9)


def test_small_crops_are_the_student_s_alone() -> None:
    method = dino(small=3)
    views, crops = torch.randn(2, 4, 6).double(), torch.randn(3, 4, 6).double()
    found = method.project(Batch(views, None, torch.arange(4), crops))
    assert found.targets is not None and found.targets.shape == (2, 4, WIDTH)
    assert found.z.shape == (5, 4, WIDTH)
    assert method.eval().project(Batch(views, None, torch.arange(4))).z.shape == (2, 4, WIDTH)


def test_the_teacher_learns_nothing_by_gradient() -> None:
    method = dino()
    z, targets = (embeddings(9, WIDTH, seed).requires_grad_() for seed in (0, 1))
    loss_of(method, z, targets).backward()
    slow = [*method.slow.parameters(), *method.slow_prototypes.parameters()]
    assert z.grad is not None and method.prototypes.weight.grad is not None
    assert targets.grad is None and all(p.grad is None for p in slow)


def test_the_length_of_embeddings_does_not_matter() -> None:
    method, z, targets = dino(), embeddings(9, WIDTH), embeddings(9, WIDTH, seed=1)
    lengths = torch.logspace(-1, 1, 9).double()[:, None]
    assert close(loss_of(method, z, targets), loss_of(method, z * lengths, targets / lengths))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_no_precision_overflows_at_low_temperatures(dtype: torch.dtype) -> None:
    method = dino(temperature=0.005, teacher_temperature=0.002).float()
    z = (100 * torch.randn(2, 9, WIDTH)).to(dtype).requires_grad_()
    loss = loss_of(method, z, z.detach())
    assert loss.dtype == torch.float32 and loss.isfinite()
    assert torch.autograd.grad(loss, z)[0].isfinite().all()
