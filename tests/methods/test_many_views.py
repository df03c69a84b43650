"""SimCLR, SupCon and siamese of more than two views, against loops over the pairs."""

import math
from collections.abc import Callable
from itertools import combinations

import pytest
import torch
from torch import Tensor, nn

from tests.methods.shared import Rows, by_hand, by_the_loop, close, made, networks, same
from tests.support.plugins import bound
from twinview.compute.gradient_cache import GradientCache
from twinview.core.types import Batch
from twinview.learning.parts import Method
from twinview.methods.simclr import simclr
from twinview.methods.sup_con import sup_con

LABELS = torch.arange(8) % 3
T = 0.3


def unit_of(batch: tuple[Tensor, ...], networks: tuple[nn.Module, nn.Module]) -> Tensor:
    """The embeddings (v, n, d) of length 1; batch norm sees all views together."""
    encoder, head = networks
    z = head(encoder(torch.cat(batch)))
    return (z / z.norm(dim=1, keepdim=True)).unflatten(0, (len(batch), -1))


def by_pairs(unit: Tensor) -> Tensor:
    """SimCLR, equation 1, for each pair of views, each anchor and each other embedding."""
    losses = []
    for first, second in combinations(unit, 2):
        rows, n = torch.cat([first, second]), len(first)
        for i in range(2 * n):
            others = sum((rows[i] @ rows[k] / T).exp() for k in range(2 * n) if k != i)
            partner = rows[i] @ rows[(i + n) % (2 * n)] / T
            losses.append(-(partner.exp() / others).log())
    return torch.stack(losses).mean()


@pytest.mark.parametrize("views", [2, 3, 4])
def test_three_steps_of_simclr_are_those_of_the_mean_over_pairs_of_views(views: int) -> None:
    method, own = made("simclr", temperature=T, views=views), networks()

    def loss(number: int, *batch: Tensor) -> Tensor:
        assert len(batch) == views
        return by_pairs(unit_of(batch, own))

    fast = nn.ModuleList(own)
    losses = by_hand(list(fast.parameters()), loss, lambda number: None, count=views)
    assert close(by_the_loop(method), losses)
    assert same(nn.ModuleList([method.encoder.encoder, method.head]), fast)


def by_classes(unit: Tensor) -> Tensor:
    """SupCon, equation 2: all views of all examples of a class are positives of each other."""
    rows, classes = unit.flatten(0, 1), LABELS.repeat(len(unit)).tolist()
    losses = []
    for i in range(len(rows)):
        others = [k for k in range(len(rows)) if k != i]
        total = sum((rows[i] @ rows[k] / T).exp() for k in others)
        costs = [
            -((rows[i] @ rows[k] / T).exp() / total).log()
            for k in others
            if classes[k] == classes[i]
        ]
        losses.append(torch.stack(costs).mean())
    return torch.stack(losses).mean()


def chosen(name: str) -> Callable[..., Method]:
    """The method in which an objective takes many views, by the objective's name."""
    own = {"nt_xent": "simclr", "sup_con": "sup_con"}.get(name, "siamese")
    found: Callable[..., Method] = bound("methods", own, name)
    return found


@pytest.mark.parametrize("views", [2, 3, 4])
def test_sup_con_s_positives_are_all_views_of_the_class(views: int) -> None:
    own = networks()
    method = sup_con(GradientCache(own[0], 8), own[1], temperature=T, views=views)
    batch = Rows().take(torch.arange(8), 0, views)
    found = method.terms(method.project(Batch(batch, LABELS, torch.arange(8))))["loss"]
    expected = by_classes(unit_of(tuple(batch), own))
    weight = next(own[0].parameters())
    assert close(found.detach(), expected.detach())
    assert close(*(torch.autograd.grad(loss, weight)[0] for loss in (found, expected)))


@pytest.mark.parametrize("name", ["nt_xent", "sup_con", "alignment_uniformity"])
def test_chunks_of_many_views_give_the_gradient_of_the_whole_batch(name: str) -> None:
    gradients = []
    for micro_batch in (8, 2):
        torch.manual_seed(0)
        encoder, head = nn.Sequential(nn.Linear(6, 8), nn.Tanh()), nn.Linear(8, 5)
        method = chosen(name)(GradientCache(encoder, micro_batch), head, views=4).double()
        batch = Batch(Rows().take(torch.arange(8), 0, 4), LABELS, torch.arange(8))
        method.terms(method.project(batch))["loss"].backward()
        gradients.append([weight.grad for weight in method.parameters()])
    # Float64 sums of a few hundred terms, in another order.
    assert all(torch.allclose(*both, rtol=0, atol=1e-12) for both in zip(*gradients, strict=True))


def test_chance_is_the_loss_of_embeddings_that_say_nothing() -> None:
    alike = torch.ones(4, 6, 3, dtype=torch.float64)
    given = Batch(alike, LABELS[:6], torch.arange(6))
    both = [
        make(nn.Identity(), nn.Identity(), temperature=T, views=4) for make in (simclr, sup_con)
    ]
    losses = [own.terms(own.project(given))["loss"].item() for own in both]
    assert losses == pytest.approx([own.chance(6) for own in both])
    assert losses == pytest.approx([math.log(2 * 6 - 1), math.log(4 * 6 - 1)])


def test_siamese_s_chance_counts_its_views() -> None:
    own = chosen("sup_con"), bound("methods", "siamese", "sup_con")
    alone, as_siamese = (make(nn.Identity(), nn.Linear(6, 5), views=4) for make in own)
    # The noise is a thousandth.
    assert as_siamese.chance(64) == pytest.approx(alone.chance(64), rel=1e-4)
