"""BYOL against a plain loop written from the paper, and its closed forms."""

import copy
import math

import pytest
import torch
from torch import Tensor, nn

from tests.methods.shared import STEPS, average, by_hand, by_the_loop, close, made, networks, same
from tests.methods.shared import slow_copy as copies
from twinview.core.types import Projections
from twinview.learning.parts import Method
from twinview.methods.byol import Byol


def byol() -> Byol:
    own = made("byol", decay=0.8, predictor_hidden=6)
    assert isinstance(own, Byol)
    return own


def distance(prediction: Tensor, target: Tensor) -> Tensor:
    """Equation 2: mean squared distance of the normalised."""
    p = prediction / prediction.norm(dim=1, keepdim=True)
    t = target / target.norm(dim=1, keepdim=True)
    return (p - t).square().sum(1).mean()


def test_three_steps_are_those_of_the_paper() -> None:
    method, (encoder, head) = byol(), networks()
    predictor = copy.deepcopy(method.predictor)
    slow_encoder, slow_head = copies(encoder, head)

    def loss(number: int, first: Tensor, second: Tensor) -> Tensor:
        both = torch.cat([first, second])
        p = predictor(head(encoder(both)))
        with torch.no_grad():
            t = slow_head(slow_encoder(both))
        n = len(first)
        return distance(p[:n], t[n:]) + distance(p[n:], t[:n])

    def after(number: int) -> None:
        tau = 1 - (1 - 0.8) * (math.cos(math.pi * number / STEPS) + 1) / 2
        average(slow_encoder, encoder, tau)
        average(slow_head, head, tau)

    fast = nn.ModuleList([encoder, head, predictor])
    losses = by_hand(list(fast.parameters()), loss, after)
    assert close(by_the_loop(method), losses)
    assert same(nn.ModuleList([method.encoder.encoder, method.head, method.predictor]), fast)
    slow = nn.ModuleList([method.slow.encoder.encoder, method.slow.head])
    assert same(slow, nn.ModuleList([slow_encoder, slow_head]))


def loss_of(z: Tensor, targets: Tensor) -> float:
    method: Method = byol()
    return method.terms(Projections(z, None, targets))["loss"].item()


def test_each_view_is_held_against_the_other_s_target() -> None:
    e = torch.eye(4).double()
    z = torch.stack([e[:2], e[2:]])
    assert loss_of(z, z.flip(0)) == pytest.approx(0)
    assert loss_of(z, z) == pytest.approx(4) == byol().chance(2)
    assert loss_of(z, -3 * z.flip(0)) == pytest.approx(8), "opposite, whatever the length"


def test_batch_norm_is_in_the_predictor() -> None:
    assert any(isinstance(m, nn.BatchNorm1d) for m in byol().predictor)  # type: ignore[union-attr]
