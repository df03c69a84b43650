"""SimCLR's projection head (arXiv 2002.05709, section 4.2), with the batch norm of its code."""

from typing import Annotated

from annotated_types import Ge
from torch import nn


def nonlinear(
    width: int, *, hidden: Annotated[int, Ge(1)], out: Annotated[int, Ge(1)]
) -> nn.Module:
    """(n, width) to (n, out) through one hidden layer with batch norm and ReLU.

    SimCLR: hidden 2048, out 128.
    """
    return nn.Sequential(
        nn.Linear(width, hidden, bias=False),
        nn.BatchNorm1d(hidden),
        nn.ReLU(),
        nn.Linear(hidden, out),
    )
