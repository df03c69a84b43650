"""Projection heads in closed form."""

import torch
import torch.nn.functional as F
from torch import nn

from twinview.heads.identity import identity
from twinview.heads.linear import linear
from twinview.heads.nonlinear import nonlinear

X = torch.randn(8, 6, generator=torch.Generator().manual_seed(0))


def test_identity_changes_nothing() -> None:
    assert torch.equal(identity(6)(X), X)


def test_linear_is_one_matrix_and_one_bias() -> None:
    head = linear(6, out=3)
    assert torch.equal(head(X), F.linear(X, head.weight, head.bias))  # type: ignore[arg-type]


def test_nonlinear_is_the_paper_s_with_batch_norm_before_relu() -> None:
    head = nonlinear(6, hidden=5, out=3)
    matrices = [m for m in head.modules() if isinstance(m, nn.Linear)]
    hidden = X @ matrices[0].weight.T
    normed = (hidden - hidden.mean(0)) / (hidden.var(0, correction=0) + 1e-5).sqrt()
    expected = normed.relu() @ matrices[1].weight.T + matrices[1].bias
    # Float32.
    assert torch.allclose(head(X), expected, atol=1e-5)
