"""SimSiam against a plain loop written from the paper's algorithm 1, and its closed forms."""

import copy

import pytest
import torch
from torch import Tensor, nn

from tests.methods.shared import by_hand, by_the_loop, close, made, networks, same
from twinview.core.errors import ConfigError
from twinview.core.types import Projections
from twinview.heads.identity import identity
from twinview.learning.stop_gradient import StopGradient
from twinview.methods.simsiam import simsiam as method_of


def simsiam() -> StopGradient:
    own = made("simsiam", predictor_hidden=6)
    assert isinstance(own, StopGradient)
    return own


def distance(p: Tensor, z: Tensor) -> Tensor:
    """The paper's D: the negative cosine, of z without gradient, example by example."""
    total = torch.zeros(()).double()
    for prediction, projection in zip(p, z.detach(), strict=True):
        lengths = prediction.square().sum().sqrt() * projection.square().sum().sqrt()
        total = total - prediction @ projection / lengths
    return total / len(p)


def test_three_steps_are_those_of_algorithm_1() -> None:
    method, (encoder, head) = simsiam(), networks()
    predictor = copy.deepcopy(method.predictor)

    def loss(number: int, first: Tensor, second: Tensor) -> Tensor:
        both = head(encoder(torch.cat([first, second])))
        (z1, z2), (p1, p2) = both.split(len(first)), predictor(both).split(len(first))
        return 1 + distance(p1, z2) / 2 + distance(p2, z1) / 2

    fast = nn.ModuleList([encoder, head, predictor])
    losses = by_hand(list(fast.parameters()), loss, lambda number: None)
    assert close(by_the_loop(method), losses)
    assert same(nn.ModuleList([method.encoder.encoder, method.head, method.predictor]), fast)


def test_a_prediction_of_the_other_view_costs_nothing_and_its_opposite_two() -> None:
    z = torch.randn(2, 9, 5, generator=torch.Generator().manual_seed(0)).double()

    def loss_of(predictions: Tensor) -> float:
        return simsiam().terms(Projections(predictions, None, z))["loss"].item()

    assert loss_of(z.flip(0)) == pytest.approx(0)
    assert loss_of(-3 * z.flip(0)) == pytest.approx(2), "whatever the length"
    assert loss_of(z) > 0.1, "a view is not its own target"


def test_it_is_fast_siam_of_two_views() -> None:
    others = made("fast_siam", views=2, predictor_hidden=6)
    assert close(by_the_loop(simsiam()), by_the_loop(others))


def test_a_head_of_unknown_width_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"methods\.simsiam needs a head"):
        method_of(nn.Identity(), identity(6), predictor_hidden=6)
