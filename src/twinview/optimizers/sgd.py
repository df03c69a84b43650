"""Stochastic gradient descent with momentum."""

from typing import Annotated

from annotated_types import Ge, Lt
from torch import nn, optim

from twinview.core import declare


def sgd(
    decayed: list[nn.Parameter],
    exempt: list[nn.Parameter],
    *,
    weight_decay: Annotated[float, Ge(0)],
    momentum: Annotated[float, Ge(0), Lt(1)],
) -> optim.Optimizer:
    """SGD with momentum; the training loop sets its learning rate.

    decayed, exempt: the weights with and without weight decay. Biases and norm layers are exempt.
    """
    groups = [
        {"params": decayed, "weight_decay": weight_decay},
        {"params": exempt, "weight_decay": 0.0},
    ]
    return optim.SGD(groups, lr=0.0, momentum=momentum)


DECLARES = declare.Declaration(quick={"weight_decay": 0.1})
