"""A linear head: one matrix and one bias."""

from typing import Annotated

from annotated_types import Ge
from torch import nn

from twinview.core import declare


def linear(width: int, *, dim: Annotated[int, Ge(1)]) -> nn.Module:
    """A module that maps (n, width) to (n, dim)."""
    return nn.Linear(width, dim)


DECLARES = declare.Declaration(quick={"dim": 5})
