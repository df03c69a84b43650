"""Embeddings and small sums for the loops that are written from the papers."""

from collections.abc import Callable

import torch
from torch import Tensor

# Float64 sums of a few thousand terms.
EXACT = 1e-10

Pair = tuple[tuple[int, int], tuple[int, int]]

# One class of three, one of two, two of one.
LABELS = torch.tensor([4, 1, 4, 0, 1, 4, 9])

HALVES = [torch.float16, torch.bfloat16]
TEMPERATURES = [0.003, 0.01, 0.05, 0.2, 1.0]


def cosine(u: Tensor, v: Tensor) -> Tensor:
    return (u @ v) / (u.square().sum().sqrt() * v.square().sum().sqrt())


def apart(u: Tensor, v: Tensor, distance: str) -> Tensor:
    return 1 - cosine(u, v) if distance == "cosine" else (u - v).square().sum().sqrt()


def of_pairs(z: Tensor, labels: Tensor | None) -> tuple[list[Pair], list[Pair]]:
    """All ordered pairs of embeddings, (view, example) each: the positive and the negative ones."""
    rows = [(view, k) for view in range(len(z)) for k in range(z.shape[1])]
    names = list(range(z.shape[1])) if labels is None else labels.tolist()
    both = [(i, j) for i in rows for j in rows if i != j]
    alike = [names[i[1]] == names[j[1]] for i, j in both]
    positive = [pair for pair, same in zip(both, alike, strict=True) if same]
    return positive, [pair for pair, same in zip(both, alike, strict=True) if not same]


def average(terms: list[Tensor], z: Tensor) -> Tensor:
    return torch.stack(terms).mean() if terms else z.sum() * 0


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


def assert_blind_to_order_and_rotation(
    objective: Callable[[Tensor, Tensor | None], Tensor], z: Tensor, labels: Tensor | None
) -> None:
    """Neither the examples' order, nor the views', nor a rotation, nor the classes' names count."""
    order = torch.randperm(z.shape[1], generator=torch.Generator().manual_seed(1))
    rotation = torch.linalg.qr(embeddings(z.shape[2], z.shape[2], seed=2)[0]).Q
    renamed = None if labels is None else 100 - 7 * labels[order]
    loss = objective(z, labels)
    assert loss > 0
    assert torch.allclose(objective(z[:, order], renamed), loss, rtol=0, atol=EXACT)
    assert torch.allclose(objective(z.flip(0) @ rotation, labels), loss, rtol=0, atol=EXACT)


def assert_vast_numbers_stay_finite(
    objective: Callable[[Tensor], Tensor], dtype: torch.dtype
) -> None:
    """Squares and products of such embeddings are infinite in float16."""
    z = (embeddings(12, 8) * 1000).to(dtype)
    value, gradient = differentiated(objective, z)
    assert value.isfinite() and value.dtype == torch.float32 and gradient.isfinite().all()


def assert_nothing_to_learn(objective: Callable[[Tensor], Tensor], z: Tensor) -> None:
    """Zero to rounding, with a gradient of zero: a step with it changes nothing, fails nothing."""
    value, gradient = differentiated(objective, z)
    assert abs(value) <= EXACT and gradient.abs().max() <= EXACT
