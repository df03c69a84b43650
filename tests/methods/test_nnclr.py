"""NNCLR against a plain loop written from the paper's equations, and the traps that it has."""

import copy
import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.methods.shared import (
    STEPS,
    WIDTH,
    N,
    by_hand,
    by_the_loop,
    close,
    made,
    networks,
    same,
)
from twinview.core.errors import ConfigError
from twinview.core.types import Projections
from twinview.heads.identity import identity
from twinview.methods.nnclr import Nnclr
from twinview.methods.nnclr import nnclr as method_of

USUAL: dict[str, Any] = {"temperature": 0.3, "queue": 20, "predictor_hidden": 6}
BASIS = torch.eye(WIDTH).double()


def nnclr(**changes: object) -> Nnclr:
    own = made("nnclr", **(USUAL | changes))
    assert isinstance(own, Nnclr)
    return own


def unit(x: Tensor) -> Tensor:
    return x / x.norm(dim=-1, keepdim=True)


def nearest(z: Tensor, support: Tensor) -> Tensor:
    """Equation 4: of each projection the row of the support set at the least distance."""
    found = []
    for row in unit(z.detach()):
        distances = [(row - other).norm().item() for other in support]
        found.append(support[distances.index(min(distances))])
    return torch.stack(found)


def contrast(neighbours: Tensor, predictions: Tensor) -> Tensor:
    """Equation 3: of each neighbour the softmax over the predictions of the batch."""
    p, losses = unit(predictions), []
    for i, neighbour in enumerate(neighbours):
        scores = [(neighbour @ p[k] / 0.3).exp() for k in range(len(p))]
        losses.append(-(scores[i] / torch.stack(scores).sum()).log())
    return torch.stack(losses).mean()


def test_three_steps_are_those_of_the_paper() -> None:
    method, (encoder, head) = nnclr(), networks()
    predictor = copy.deepcopy(method.predictor)
    support, newest = unit(method.queue.rows), torch.empty(0)  # of length 1 in float32 only

    def loss(number: int, first: Tensor, second: Tensor) -> Tensor:
        nonlocal newest
        z = head(encoder(torch.cat([first, second])))
        (z1, z2), (p1, p2) = z.split(N), predictor(z).split(N)
        newest = unit(z1.detach())
        return contrast(nearest(z1, support), p2) / 2 + contrast(nearest(z2, support), p1) / 2

    def after(number: int) -> None:
        nonlocal support
        support = torch.cat([support, newest])[-20:]

    fast = nn.ModuleList([encoder, head, predictor])
    losses = by_hand(list(fast.parameters()), loss, after)
    assert close(by_the_loop(method), losses)
    assert same(nn.ModuleList([method.encoder.encoder, method.head, method.predictor]), fast)
    assert close(method.queue.rows.roll(-int(method.queue.seen) % 20, dims=0), support)


def loss_of(method: Nnclr, predictions: Tensor, projections: Tensor) -> float:
    return method.terms(Projections(predictions, None, projections))["loss"].item()


def test_a_neighbour_stands_in_for_the_projection_whatever_the_lengths() -> None:
    """The predictions are right if they name the row that is nearest the other view."""
    method = nnclr(temperature=0.01, queue=WIDTH)
    method.queue.rows.copy_(BASIS)
    z = 7 * torch.stack([BASIS[:3], BASIS[[1, 2, 0]]]) + 0.3
    named = torch.stack([BASIS[[1, 2, 0]], 5 * BASIS[:3]])
    # Two negatives at a right angle each: log(1 + 2 exp(-100)).
    assert loss_of(method, named, z) == pytest.approx(0, abs=1e-12)
    # The prediction of the view itself is another's: log(exp(100) + 2).
    assert loss_of(method, named.flip(0), z) == pytest.approx(100)


def test_a_projection_is_no_neighbour_of_itself_in_its_own_step() -> None:
    """Enqueued first, it would be its own neighbour, and its prediction would cost nothing."""
    method = nnclr(temperature=0.01, queue=2)
    method.queue.rows.copy_(BASIS[3:5])
    z = BASIS[:2].repeat(2, 1, 1)
    assert loss_of(method, z, z) == pytest.approx(math.log(2))
    method.queue.after_step(0.5)
    assert loss_of(method, z, z) == pytest.approx(0, abs=1e-12)


def test_first_views_alone_enter_the_queue() -> None:
    method = nnclr()
    by_the_loop(method)
    assert int(method.queue.seen) == STEPS * N


def test_neighbours_are_found_alike_in_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    method, z = nnclr(), unit(torch.randn(2, 9, WIDTH).double())
    whole = method._nearest(z)
    monkeypatch.setattr("twinview.learning.log_sum_exp.CPU_TILE", 4)
    assert torch.equal(method._nearest(z), whole)


def test_a_head_of_unknown_width_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"methods\.nnclr needs a head"):
        method_of(nn.Identity(), identity(6), **USUAL)
