"""A linear head: one matrix and one bias."""

from typing import Annotated

from annotated_types import Ge
from torch import nn

from twinview.core import declare


def linear(width: int, *, out: Annotated[int, Ge(1)]) -> nn.Module:
    """A module that maps (n, width) to (n, out)."""
    return nn.Linear(width, out)


DECLARES = declare.Declaration(quick={"out": 5})
