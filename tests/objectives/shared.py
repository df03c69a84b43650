"""Embeddings and small sums for the loops that are written from the papers."""

from collections.abc import Callable

import torch
from torch import Tensor

# Float64 sums of a few thousand terms.
EXACT = 1e-10

HALVES = [torch.float16, torch.bfloat16]
TEMPERATURES = [0.003, 0.01, 0.05, 0.2, 1.0]


def cosine(u: Tensor, v: Tensor) -> Tensor:
    return (u @ v) / (u.square().sum().sqrt() * v.square().sum().sqrt())


def embeddings(n: int, d: int, seed: int = 0, views: int = 2) -> Tensor:
    """Of any scale: the lengths differ by a factor of ten."""
    random = torch.Generator().manual_seed(seed)
    z = torch.randn(views, n, d, generator=random, dtype=torch.float64)
    return z * torch.logspace(-0.5, 0.5, n, dtype=torch.float64)[:, None]


def assert_same(
    ours: Callable[[Tensor], Tensor], theirs: Callable[[Tensor], Tensor], z: Tensor
) -> None:
    """Two functions agree on the value and on the gradient with respect to z, to rounding."""
    (value, gradient), (expected, its_gradient) = differentiated(ours, z), differentiated(theirs, z)
    assert torch.allclose(value, expected, rtol=0, atol=EXACT)
    assert torch.allclose(gradient, its_gradient, rtol=0, atol=EXACT)


def differentiated(function: Callable[[Tensor], Tensor], z: Tensor) -> tuple[Tensor, Tensor]:
    leaf = z.detach().clone().requires_grad_()
    value = function(leaf)
    return value.detach(), torch.autograd.grad(value, leaf)[0]


def assert_halves_lose_nothing(
    objective: Callable[[Tensor], Tensor], dtype: torch.dtype, temperature: float
) -> None:
    """Half precision costs what the same numbers cost in float64, but for float32's rounding."""
    z = embeddings(20, 8).to(dtype)
    value, gradient = differentiated(objective, z)
    expected, _ = differentiated(objective, z.double())
    assert gradient.isfinite().all() and gradient.dtype == dtype
    assert abs(value.double() - expected) < 1e-6 / temperature
