"""LARS: layer-wise learning rates for large batches (You, Gitman and Ginsburg, 1708.03888)."""

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
    """SGD whose step for each weight has trust times the weight's length, per unit of rate.

    v = momentum * v + rate * rescaled gradient, w = w - v (algorithm 1): a step keeps the learning
    rate of its time. The gradient is rescaled by the length of gradient plus decay, as in SimCLR's
    code. SimCLR and BYOL use trust .001, momentum .9, weight decay 1e-6 and 1.5e-6, and learning
    rates of .3 and .2 times batch / 256.

    Parameters
    ----------
    decayed : the weights that decay and are rescaled.
    exempt : the weights that neither decay nor are rescaled: biases and norm layers.
    weight_decay, momentum : as in SGD.
    trust : the paper's trust coefficient.
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
    """The optimizer of `lars`; its momentum is a mean of steps, each with the rate of its time."""

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Updates every weight that has a gradient."""
        assert closure is None
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    velocity = self.state[weight].setdefault("momentum", torch.zeros_like(weight))
                    velocity.mul_(group["momentum"]).add_(
                        _rescaled(weight, group), alpha=group["lr"]
                    )
                    weight.sub_(velocity)


def _rescaled(weight: nn.Parameter, group: dict[str, Any]) -> Tensor:
    """The decayed gradient scaled to trust times its weight's length, unless either is zero."""
    assert weight.grad is not None
    gradient: Tensor = weight.grad + group["weight_decay"] * weight
    if group["trust"] is None:
        return gradient
    weight_norm, norm = weight.norm(), gradient.norm()
    scale = torch.where((weight_norm > 0) & (norm > 0), group["trust"] * weight_norm / norm, 1)
    return scale * gradient
