"""LARS against its equation, weight by weight."""

import pytest
import torch
from torch import nn

from twinview.core import registry
from twinview.encoders.convnet import convnet
from twinview.heads.nonlinear import nonlinear
from twinview.learning.loop import State
from twinview.methods.simclr import simclr
from twinview.optimizers.lars import lars

OPTIONS = {"weight_decay": 0.1, "momentum": 0.9, "trust": 0.01}
RATES = (0.5, 0.1, 0.9)  # a schedule's: a step keeps the rate that it was taken with


def test_lars_is_its_equation_over_three_steps() -> None:
    """v = m v + rate trust |w| / |g + d w| (g + d w); w = w - v. The paper: |g| + d |w| below."""
    torch.manual_seed(0)
    weight = nn.Parameter(torch.randn(3, 2).double())
    optimizer = lars([weight], [], **OPTIONS)
    w, v = weight.detach().clone(), torch.zeros(3, 2).double()
    for rate in RATES:
        optimizer.param_groups[0]["lr"] = rate
        weight.grad = torch.randn(3, 2).double()
        d = weight.grad + 0.1 * w
        v = 0.9 * v + rate * 0.01 * w.norm() / d.norm() * d
        w = w - v
        optimizer.step()
    assert torch.allclose(weight.detach(), w)


def test_lars_s_step_depends_on_the_weight_s_length_and_not_on_the_gradient_s() -> None:
    steps = []
    for scale in (1.0, 1000.0):
        weight = nn.Parameter(torch.ones(2, 2))
        optimizer = lars([weight], [], weight_decay=0.0, momentum=0.9, trust=0.01)
        optimizer.param_groups[0]["lr"] = 0.5
        weight.grad = torch.full((2, 2), scale)
        optimizer.step()
        steps.append((1 - weight.detach()).norm())
    # .5 * .01 * |w|, and |w| is 2; float32.
    assert torch.allclose(torch.stack(steps), torch.tensor(0.01), rtol=1e-4)


def test_lars_leaves_biases_and_norm_layers_to_plain_momentum() -> None:
    bias = nn.Parameter(torch.ones(2))
    optimizer = lars([], [bias], **OPTIONS)
    for rate in (0.5, 0.1):
        optimizer.param_groups[1]["lr"] = rate
        bias.grad = torch.ones(2)
        optimizer.step()
    assert torch.allclose(bias.detach(), torch.tensor(1 - 0.5 - (0.9 * 0.5 + 0.1)))


def test_lars_moves_a_weight_that_is_zero() -> None:
    weight = nn.Parameter(torch.zeros(2, 2))
    optimizer = lars([weight], [], **OPTIONS)
    optimizer.param_groups[0]["lr"] = 0.5
    weight.grad = torch.ones(2, 2)
    optimizer.step()
    assert torch.allclose(weight.detach(), torch.tensor(-0.5))


def test_lars_is_the_paper_s_where_nothing_decays() -> None:
    """Algorithm 1: v = m v + rate * local * g, w = w - v, with local = trust |w| / |g| (eq. 6)."""
    torch.manual_seed(0)
    weights = [nn.Parameter(torch.randn(3, 2).double()) for _ in range(2)]
    optimizer = lars(weights, [], **OPTIONS | {"weight_decay": 0.0})
    expected = [(w.detach().clone(), torch.zeros(3, 2).double()) for w in weights]
    for rate in RATES:
        optimizer.param_groups[0]["lr"] = rate
        for place, weight in enumerate(weights):
            w, v = expected[place]
            weight.grad = torch.randn(3, 2).double()
            v = 0.9 * v + rate * 0.01 * w.norm() / weight.grad.norm() * weight.grad
            expected[place] = (w - v, v)
        optimizer.step()
    assert all(torch.allclose(p, w) for p, (w, _) in zip(weights, expected, strict=True))


@pytest.mark.parametrize("option", ["trust", "weight_decay"])
def test_lars_neither_rescales_nor_decays_biases_and_norm_layers(option: str) -> None:
    encoder = convnet(
        (1, 8, 8),
        widths=(4,),
        strides=(1,),
        pool_size=1,
        pooled_layers=1,
        norm="batch",
        first_layer="learned",
    )
    head = nonlinear(4, depth=2, hidden=5, dim=3, norm="hidden")
    method = simclr(encoder, head, temperature=0.5, views=2)
    make = registry.bind("optimizers", "lars", OPTIONS)
    optimizer = State.initial(method, make, torch.device("cpu")).optimizer
    found = {id(p): group[option] for group in optimizer.param_groups for p in group["params"]}
    for module in method.modules():
        for name, parameter in module.named_parameters(recurse=False):
            matrix = isinstance(module, nn.Linear | nn.Conv2d) and name == "weight"
            assert bool(found[id(parameter)]) == matrix, (module, name)
