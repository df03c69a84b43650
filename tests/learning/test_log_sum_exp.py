"""Sums over all pairs against the matrix of all pairs."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from twinview.learning import log_sum_exp

# Float64 sums of a few hundred terms.
EXACT = 1e-12


def rows(n: int, d: int = 5, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def dense(anchors: Tensor, candidates: Tensor, temperature: float) -> Tensor:
    return (anchors @ candidates.T / temperature).logsumexp(1)


def dense_of_others(x: Tensor, temperature: float) -> Tensor:
    return (x @ x.T / temperature).fill_diagonal_(-math.inf).logsumexp(1)


def gradients(function: Callable[..., Tensor], *inputs: Tensor) -> tuple[Tensor, ...]:
    """Of a sum with weights of either sign and zero, as a loss may put on its anchors."""
    inputs = tuple(x.clone().requires_grad_() for x in inputs)
    found = function(*inputs)
    return torch.autograd.grad(found, inputs, torch.linspace(-1, 2, len(found)).double().round())


@pytest.mark.parametrize("edge", [1, 2, 3, 4, 11, 12, 512])
@pytest.mark.parametrize("temperature", [0.01, 1.0])
def test_the_tiles_of_others_make_up_the_matrix(
    edge: int, temperature: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_sum_exp, "CPU_TILE", edge)
    ours, theirs = (
        lambda x, f=f: f(x, temperature)
        for f in (log_sum_exp.log_sum_exp_of_others, dense_of_others)
    )
    x = rows(11)
    assert torch.allclose(ours(x), theirs(x), rtol=EXACT)
    assert torch.allclose(*gradients(ours, x), *gradients(theirs, x), rtol=1e-9, atol=EXACT)


@pytest.mark.parametrize("edge", [1, 3, 4, 7, 512])
@pytest.mark.parametrize("temperature", [0.01, 1.0])
def test_the_tiles_of_candidates_make_up_the_matrix(
    edge: int, temperature: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_sum_exp, "CPU_TILE", edge)
    ours, theirs = (
        lambda a, b, f=f: f(a, b, temperature) for f in (log_sum_exp.log_sum_exp, dense)
    )
    x = rows(7), rows(11, seed=1)
    assert torch.allclose(ours(*x), theirs(*x), rtol=EXACT)
    for mine, other in zip(gradients(ours, *x), gradients(theirs, *x), strict=True):
        assert torch.allclose(mine, other, rtol=1e-9, atol=EXACT)


@pytest.mark.parametrize("edge", [2, 512])
def test_gradients_are_those_of_finite_differences(
    edge: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_sum_exp, "CPU_TILE", edge)
    a, b = rows(5, 3).requires_grad_(), rows(4, 3, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(lambda a: log_sum_exp.log_sum_exp_of_others(a, 0.5), a)
    assert torch.autograd.gradcheck(lambda a, b: log_sum_exp.log_sum_exp(a, b, 0.5), (a, b))


@pytest.mark.parametrize("candidates", [None, rows(5)])
def test_a_second_derivative_is_refused(candidates: Tensor | None) -> None:
    x = rows(4).requires_grad_()
    others = log_sum_exp.log_sum_exp_of_others
    found = (
        others(x, 0.5) if candidates is None else log_sum_exp.log_sum_exp(x, candidates, 0.5)
    ).sum()
    with pytest.raises(AssertionError, match="first derivative only"):
        torch.autograd.grad(found, x, create_graph=True)


def test_only_what_asks_for_a_gradient_gets_one() -> None:
    a, b = rows(4).requires_grad_(), rows(5)
    log_sum_exp.log_sum_exp(a, b, 0.5).sum().backward()
    assert a.grad is not None and b.grad is None
    a, b = rows(4), rows(5).requires_grad_()
    log_sum_exp.log_sum_exp(a, b, 0.5).sum().backward()
    assert a.grad is None and b.grad is not None


@pytest.mark.parametrize("descending", [False, True])
def test_a_maximum_that_comes_late_or_early_keeps_its_sum(
    descending: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_sum_exp, "CPU_TILE", 2)
    # Products 0, 100, ... 700: exp overflows float32 above 88, and below -104 nothing is left.
    candidates = torch.arange(0.0, 800, 100).sort(descending=descending).values[:, None]
    found = log_sum_exp.log_sum_exp(torch.tensor([[1.0], [-1.0]]), candidates, 1.0)
    assert found.tolist() == pytest.approx([700, 0], abs=1e-6)


def test_rows_that_are_opposite_to_all_others_do_not_vanish() -> None:
    x = torch.tensor([[1.0], [-1.0], [-1.0], [-1.0]])
    found = log_sum_exp.log_sum_exp_of_others(x, 0.001)
    # All at -1000, where exp is zero in float32; the others have each other.
    assert found[0].item() == pytest.approx(-1000 + math.log(3))
    assert found[1].item() == pytest.approx(1000 + math.log(2))


def test_autocast_changes_nothing() -> None:
    x = rows(9, dtype=torch.float32)
    plain = log_sum_exp.log_sum_exp_of_others(x, 0.1), log_sum_exp.log_sum_exp(x[:4], x, 0.1)
    with torch.autocast("cpu", torch.bfloat16):
        cast = log_sum_exp.log_sum_exp_of_others(x, 0.1), log_sum_exp.log_sum_exp(x[:4], x, 0.1)
    assert all(torch.equal(p, c) for p, c in zip(plain, cast, strict=True))


class Watch(TorchDispatchMode):
    """The largest tensor that an operation made, and the entries of all products."""

    def __init__(self) -> None:
        super().__init__()
        self.largest = 0
        self.products = 0

    def __torch_dispatch__(
        self, call: Any, kinds: Any, inputs: Any = (), options: Any = None
    ) -> Any:
        made = call(*inputs, **(options or {}))
        if isinstance(made, Tensor):
            self.largest = max(self.largest, made.untyped_storage().nbytes() // made.itemsize)
            self.products += made.numel() if call is torch.ops.aten.mm.out else 0
        return made


def test_nothing_of_the_size_of_all_pairs_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_sum_exp, "CPU_TILE", 64)
    x = rows(1024, 8, dtype=torch.float32).requires_grad_()
    with Watch() as watch:
        loss = (
            log_sum_exp.log_sum_exp_of_others(x, 0.1).sum()
            + log_sum_exp.log_sum_exp(x, x, 0.1).sum()
        )
        loss.backward()
    assert watch.largest == 2 * 64**2  # room for two tiles, as much as x itself


def test_a_pair_is_multiplied_once_a_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_sum_exp, "CPU_TILE", 64)
    x = rows(1024, 8).requires_grad_()
    with Watch() as watch:
        log_sum_exp.log_sum_exp_of_others(x, 0.1).sum().backward()
    # The half of the matrix, with the tiles on its diagonal whole; forward and backward.
    assert watch.products == 2 * (1024 * (1024 + 64) // 2)


def test_positives_are_the_other_embeddings_of_the_class() -> None:
    labels = torch.tensor([7, 3, 7, 7, 5])
    assert log_sum_exp.count_positives(labels, 1).tolist() == [2, 0, 2, 2, 0]
    assert log_sum_exp.count_positives(labels, 3).tolist() == [8, 2, 8, 8, 2] * 3


@pytest.mark.parametrize(
    ("given", "used"),
    [
        (torch.float16, torch.float32),
        (torch.bfloat16, torch.float32),
        (torch.float32, torch.float32),
        (torch.float64, torch.float64),
    ],
)
def test_unit_rows_are_float32_at_least(given: torch.dtype, used: torch.dtype) -> None:
    # Lengths whose squares overflow float16.
    unit = log_sum_exp.normalise(torch.full((2, 3, 4), 3e4).to(given))
    assert unit.dtype == used
    assert torch.allclose(unit, torch.full((2, 3, 4), 0.5, dtype=used))
