"""FastSiam against a plain loop written from the paper, and its closed forms."""

import copy

import pytest
import torch
from torch import Tensor, nn

from tests.methods.shared import by_hand, by_the_loop, close, made, networks, same
from twinview.core.errors import ConfigError
from twinview.core.types import Projections
from twinview.heads.identity import identity
from twinview.learning.stop_gradient import StopGradient
from twinview.methods.fast_siam import fast_siam as method_of


def fast_siam(views: int = 4) -> StopGradient:
    own = made("fast_siam", views=views, predictor_hidden=6)
    assert isinstance(own, StopGradient)
    return own


def distance(prediction: Tensor, target: Tensor) -> Tensor:
    """SimSiam's equation 1: the negative cosine."""
    p = prediction / prediction.norm(dim=1, keepdim=True)
    t = target / target.norm(dim=1, keepdim=True)
    return -(p * t).sum(1).mean()


@pytest.mark.parametrize("views", [2, 3, 4])
def test_three_steps_are_those_of_the_paper(views: int) -> None:
    """Each view's prediction against the mean of the other views' projections, held fixed."""
    method, (encoder, head) = fast_siam(views), networks()
    predictor = copy.deepcopy(method.predictor)

    def loss(number: int, *batch: Tensor) -> Tensor:
        assert len(batch) == views
        together = head(encoder(torch.cat(batch)))
        z = together.split(len(batch[0]))
        p = predictor(together).split(len(batch[0]))
        total = torch.zeros(()).double()
        for k in range(views):
            target = sum(z[j].detach() for j in range(views) if j != k) / (views - 1)
            total = total + distance(p[k], target)  # type: ignore[arg-type]
        return 1 + total / views

    fast = nn.ModuleList([encoder, head, predictor])
    losses = by_hand(list(fast.parameters()), loss, lambda number: None, count=views)
    assert close(by_the_loop(method), losses)
    assert same(nn.ModuleList([method.encoder.encoder, method.head, method.predictor]), fast)


def loss_of(z: Tensor, targets: Tensor) -> float:
    return fast_siam().terms(Projections(z, None, targets))["loss"].item()


def test_a_prediction_of_the_others_mean_costs_nothing_and_its_opposite_two() -> None:
    targets = torch.randn(4, 9, 5, generator=torch.Generator().manual_seed(0)).double()
    others = torch.stack([targets[[j for j in range(4) if j != k]].mean(0) for k in range(4)])
    assert loss_of(others, targets) == pytest.approx(0)
    assert loss_of(-3 * others, targets) == pytest.approx(2), "whatever the length"
    assert loss_of(targets, targets) > 0.1, "a view is not its own target"


def test_chance_is_the_loss_of_directions_that_have_nothing_in_common() -> None:
    e = torch.eye(8).double()
    assert loss_of(e[:4, None], e[4:, None]) == pytest.approx(1) == fast_siam().chance(256)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_no_precision_overflows(dtype: torch.dtype) -> None:
    z = (1000 * torch.randn(4, 9, 5)).to(dtype).requires_grad_()
    loss = fast_siam().terms(Projections(z, None, z.detach()))["loss"]
    (gradient,) = torch.autograd.grad(loss, z)
    assert loss.dtype == torch.float32 and loss.isfinite() and gradient.isfinite().all()


def test_batch_norm_is_in_the_predictor() -> None:
    assert any(isinstance(m, nn.BatchNorm1d) for m in fast_siam().predictor.modules())


def test_a_head_of_unknown_width_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"methods\.fast_siam needs a head"):
        method_of(nn.Identity(), identity(6), views=4, predictor_hidden=6)
