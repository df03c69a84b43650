"""AdamW (Loshchilov and Hutter, arXiv 1711.05101)."""

from typing import Annotated

from annotated_types import Ge
from torch import nn, optim

from twinview.core import declare


def adamw(
    decayed: list[nn.Parameter],
    exempt: list[nn.Parameter],
    *,
    weight_decay: Annotated[float, Ge(0)],
) -> optim.Optimizer:
    """AdamW; the training loop sets its learning rate.

    decayed, exempt: the weights with and without weight decay. Biases and norm layers are exempt.
    """
    groups = [
        {"params": decayed, "weight_decay": weight_decay},
        {"params": exempt, "weight_decay": 0.0},
    ]
    return optim.AdamW(groups, lr=0.0, fused=True)


DECLARES = declare.Declaration(quick={"weight_decay": 0.1})
