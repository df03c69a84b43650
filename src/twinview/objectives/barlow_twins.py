"""Barlow Twins: the views' features correlate one to one (arXiv 2103.03230, eq. 1)."""

from typing import Annotated

import torch
from annotated_types import Gt
from torch import Tensor
from torch.nn.functional import batch_norm


def barlow_twins(
    z: Tensor, labels: Tensor | None, *, off_diagonal: Annotated[float, Gt(0)]
) -> Tensor:
    """Squared distance of the views' correlations from the identity. The paper: .005."""
    first, second = (batch_norm(view, None, None, training=True) for view in z)
    correlations = first.T @ second / z.shape[1]
    excess = (correlations - torch.eye(len(correlations)).to(correlations)).square()
    return excess.trace() + off_diagonal * excess.fill_diagonal_(0).sum()
