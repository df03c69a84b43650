"""LARS: layer-wise rates for large batches (You, Gitman and Ginsburg, arXiv 1708.03888)."""

from collections.abc import Callable
from typing import Annotated, Any, final

import torch
from annotated_types import Ge, Gt, Lt
from torch import Tensor, nn, optim

from twinview.core import declare


def lars(
    decayed: list[nn.Parameter],
    exempt: list[nn.Parameter],
    *,
    weight_decay: Annotated[float, Ge(0)],
    momentum: Annotated[float, Ge(0), Lt(1)],
    trust: Annotated[float, Gt(0)],
) -> optim.Optimizer:
    """SGD whose step for each weight is trust times the weight's own length, per unit of rate.

    v = momentum * v + rate * rescaled gradient, w = w - v (algorithm 1): a step keeps the rate that
    it was taken with. The length of gradient and decay is that of their sum, as in SimCLR's code.
    Biases and norm layers neither decay nor are rescaled. SimCLR and BYOL: trust .001, momentum .9,
    weight decay 1e-6 and 1.5e-6, rate .3 or .2 times batch / 256.
    """
    groups = [
        {"params": decayed, "weight_decay": weight_decay, "trust": trust},
        {"params": exempt, "weight_decay": 0.0, "trust": None},
    ]
    return Lars(groups, {"lr": 0.0, "momentum": momentum})


# Without a gradient, its step is trust times the weight, whatever the decay.
DECLARES = declare.Declaration(quick={"weight_decay": 0.1, "trust": 0.1})


@final
class Lars(optim.Optimizer):
    """Momentum is that of the steps, each with the rate of its time."""

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """One update of every weight that has a gradient."""
        assert closure is None
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    past = self.state[weight].setdefault("momentum", torch.zeros_like(weight))
                    past.mul_(group["momentum"]).add_(_rescaled(weight, group), alpha=group["lr"])
                    weight.sub_(past)


def _rescaled(weight: nn.Parameter, group: dict[str, Any]) -> Tensor:
    """The decayed gradient, made trust times as long as its weight; as it is if either is zero."""
    assert weight.grad is not None
    gradient: Tensor = weight.grad + group["weight_decay"] * weight
    if group["trust"] is None:
        return gradient
    own, length = weight.norm(), gradient.norm()
    return torch.where((own > 0) & (length > 0), group["trust"] * own / length, 1) * gradient
