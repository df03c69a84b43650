"""SIGReg against a plain loop written from LeJEPA's algorithms 1 and 2, and its closed forms."""

import math

import pytest
import torch
from torch import Tensor, nn

from tests.methods.shared import WIDTH, by_hand, by_the_loop, close, made, networks, same
from tests.objectives.shared import assert_same, embeddings
from twinview.core import randomness
from twinview.core.types import Projections
from twinview.learning.parts import Method

SLICES, WEIGHT = 6, 0.3


def sigreg(views: int = 2, slices: int = SLICES, weight: float = WEIGHT) -> Method:
    return made("sigreg", views=views, slices=slices, normality_weight=weight)


def loss_of(method: Method, z: Tensor) -> Tensor:
    """The loss with the slices of a fixed seed."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return method.terms(Projections(z, None))["loss"]


def slices_of_seed(count: int, d: int) -> Tensor:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return torch.randn(count, d).double()


def statistic(values: Tensor) -> Tensor:
    """Algorithm 1 for one slice: characteristic functions at 17 points, and the trapezoids."""
    t = torch.linspace(-5, 5, 17).double()
    normal = (-0.5 * t**2).exp()
    empirical = (1j * values[:, None] * t).exp().mean(0)
    error = (empirical - normal).abs().square() * normal
    return len(values) * sum((error[k] + error[k + 1]) / 2 * 10 / 16 for k in range(16))  # type: ignore[return-value]


def by_slices(z: Tensor, slices: Tensor, weight: float) -> Tensor:
    """Algorithm 2, with every view as a global one."""
    centre = sum(view for view in z) / len(z)
    squares = [(centre[i] - view[i]).square() for view in z for i in range(z.shape[1])]  # type: ignore[index]
    unit = [a / a.norm() for a in slices]
    statistics = [statistic(view @ a) for view in z for a in unit]
    return (1 - weight) * torch.cat(squares).mean() + weight * torch.stack(statistics).mean()


@pytest.mark.parametrize("views", [2, 3])
@pytest.mark.parametrize("weight", [0.02, 0.9])
def test_value_and_gradient_are_the_paper_s(views: int, weight: float) -> None:
    z, method = embeddings(7, WIDTH, views=views), sigreg(views, weight=weight)
    slices = slices_of_seed(SLICES, WIDTH)
    assert_same(lambda z: loss_of(method, z), lambda z: by_slices(z, slices, weight), z)


@pytest.mark.parametrize("views", [2, 4])
def test_three_steps_are_those_of_the_paper_with_new_slices_in_each(views: int) -> None:
    method, (encoder, head) = sigreg(views), networks()

    def loss(number: int, *batch: Tensor) -> Tensor:
        with randomness.torch_seeded(0, f"step/{number - 1}/0"):
            slices = torch.randn(SLICES, WIDTH).double()
        z = head(encoder(torch.cat(batch))).unflatten(0, (views, -1))
        return by_slices(z, slices, WEIGHT)

    fast = nn.ModuleList([encoder, head])
    losses = by_hand(list(fast.parameters()), loss, lambda number: None, count=views)
    assert close(by_the_loop(method), losses)
    assert same(nn.ModuleList([method.encoder.encoder, method.head]), fast)


def test_a_collapse_costs_what_the_integral_says_for_each_example() -> None:
    """Of (1 - exp(-t^2 / 2))^2 exp(-t^2 / 2); 17 points integrate it to 1e-4."""
    each = math.sqrt(2 * math.pi) * (1 - math.sqrt(2) + 1 / math.sqrt(3))
    assert each == pytest.approx(0.41, abs=0.005)
    for n in (8, 256):
        found = loss_of(sigreg(), torch.zeros(2, n, WIDTH).double()).item()
        assert found == pytest.approx(WEIGHT * n * each, rel=1e-3)


@pytest.mark.parametrize(("views", "n"), [(2, 256), (4, 32)])
def test_chance_is_the_loss_of_unrelated_normal_embeddings(views: int, n: int) -> None:
    method, random = sigreg(views, slices=200), torch.Generator().manual_seed(0)
    draws = torch.randn(40, views, n, 64, generator=random).double()
    mean = torch.stack([loss_of(method, z) for z in draws]).mean().item()
    # The mean of 40 batches and 200 slices is off by less than a hundredth.
    assert mean == pytest.approx(method.chance(n), rel=0.02)


@pytest.mark.parametrize("change", [lambda z: 0.3 * z, lambda z: 3 * z, lambda z: z + 1])
def test_normal_embeddings_cost_less_than_others_of_which_the_views_agree(change: object) -> None:
    z = torch.randn(1, 500, 16, generator=torch.Generator().manual_seed(0)).double()
    both = z.expand(2, -1, -1)
    assert loss_of(sigreg(slices=50), both) < loss_of(sigreg(slices=50), change(both)) / 5  # type: ignore[operator]


def test_gradients_stop_nowhere() -> None:
    """Each view is pulled to the others, also where it is the last."""
    z = embeddings(7, WIDTH, views=3).requires_grad_()
    (gradient,) = torch.autograd.grad(loss_of(sigreg(3, weight=1e-9), z), z)
    expected = 2 * (z - z.mean(0)) / z.numel()
    assert torch.allclose(gradient, expected, atol=1e-8)


def test_all_steps_have_other_slices() -> None:
    method, z = sigreg(slices=1), embeddings(7, WIDTH)
    losses = [method.terms(Projections(z, None))["loss"].item() for _ in range(4)]
    assert len(set(losses)) == 4
