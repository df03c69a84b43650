"""No head: the objective is computed of the encoder's features."""

from torch import nn


def identity(width: int) -> nn.Module:
    """A module that returns its input (n, width) unchanged."""
    return nn.Identity()
