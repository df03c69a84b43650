"""DCL against a loop written from the paper (arXiv 2110.06848, eq. 6) and closed forms."""

import math

import pytest
import torch
from torch import Tensor

from tests.objectives.shared import (
    EXACT,
    HALVES,
    TEMPERATURES,
    assert_blind_to_order_and_rotation,
    assert_halves_lose_nothing,
    assert_same,
    assert_vast_numbers_stay_finite,
    cosine,
    differentiated,
    embeddings,
)
from twinview.objectives.dcl import dcl
from twinview.objectives.nt_xent import nt_xent


def loop(z: Tensor, temperature: float) -> Tensor:
    """Equation 6, view k of example i against view l of every other example j, as a mean."""
    n = z.shape[1]
    total = z.new_zeros(())
    for k in range(2):
        for i in range(n):
            others = z.new_zeros(())
            for view in range(2):
                for j in range(n):
                    if j != i:
                        others = others + torch.exp(cosine(z[k, i], z[view, j]) / temperature)
            total = total - cosine(z[0, i], z[1, i]) / temperature + torch.log(others)
    return total / (2 * n)


@pytest.mark.parametrize("temperature", [0.05, 0.2, 1.0])
@pytest.mark.parametrize(("n", "d"), [(2, 2), (3, 3), (7, 5)])
def test_value_and_gradient_are_the_paper_s(n: int, d: int, temperature: float) -> None:
    assert_same(
        lambda z: dcl(z, None, temperature=temperature),
        lambda z: loop(z, temperature),
        embeddings(n, d),
    )


def test_the_gradient_is_that_of_finite_differences() -> None:
    z = embeddings(3, 4).requires_grad_()
    assert torch.autograd.gradcheck(lambda z: dcl(z, None, temperature=0.5), z)


@pytest.mark.parametrize("n", [2, 50])
def test_identical_embeddings_cost_the_log_of_the_other_examples_rows(n: int) -> None:
    # What is left of 1 / t - 1 / t.
    z = torch.ones(2, n, 8, dtype=torch.float64)
    assert dcl(z, None, temperature=0.1).item() == pytest.approx(math.log(2 * n - 2))


def test_agreeing_views_of_orthogonal_examples_go_below_zero() -> None:
    z = torch.eye(4, dtype=torch.float64).repeat(2, 1, 1)
    assert dcl(z, None, temperature=0.1).item() == pytest.approx(math.log(6) - 10)


def test_nt_xent_is_the_same_with_the_positive_among_the_rivals() -> None:
    """exp(NT-Xent) = exp(DCL) + 1, for one example's views at a time: here all cost alike."""
    z = torch.eye(4, dtype=torch.float64).repeat(2, 1, 1)
    own, theirs = (f(z, None, temperature=0.7).item() for f in (dcl, nt_xent))
    assert math.exp(theirs) == pytest.approx(math.exp(own) + 1)


@pytest.mark.parametrize("angle", [1.2, 0.4, 0.1])
def test_an_easy_positive_is_pulled_as_hard_as_a_difficult_one(angle: float) -> None:
    """The pull on a pair is 1 / t in its cosine, whatever the cosine: it is decoupled."""

    def loss(turned: Tensor) -> Tensor:
        """Two examples in planes of their own, the second view turned in it."""
        zero = torch.zeros_like(turned)
        first = torch.eye(4, dtype=torch.float64)[[0, 2]]
        second = torch.stack(
            [
                torch.stack([turned.cos(), turned.sin(), zero, zero]),
                torch.stack([zero, zero, turned.cos(), turned.sin()]),
            ]
        )
        return dcl(torch.stack([first, second]), None, temperature=0.1)

    _, gradient = differentiated(loss, torch.tensor(angle, dtype=torch.float64))
    assert gradient.item() == pytest.approx(math.sin(angle) / 0.1)


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_half_precision_loses_nothing(dtype: torch.dtype, temperature: float) -> None:
    assert_halves_lose_nothing(lambda z: dcl(z, None, temperature=temperature), dtype, temperature)


@pytest.mark.parametrize("dtype", [*HALVES, torch.float32])
def test_vast_embeddings_stay_finite(dtype: torch.dtype) -> None:
    assert_vast_numbers_stay_finite(lambda z: dcl(z, None, temperature=0.01), dtype)


def test_float32_keeps_what_a_subtraction_would_cancel() -> None:
    """The positive outweighs all rivals by e^50; they are summed without it."""
    z = torch.eye(8).repeat(2, 1, 1)
    assert dcl(z, None, temperature=0.02).item() == pytest.approx(math.log(14) - 50, abs=1e-5)


def test_neither_order_nor_views_nor_rotation_count() -> None:
    assert_blind_to_order_and_rotation(
        lambda z, labels: dcl(z, labels, temperature=0.5), embeddings(7, 5), None
    )


def test_neither_lengths_nor_labels_are_looked_at() -> None:
    z = embeddings(6, 4)
    loss = dcl(z, None, temperature=0.2)
    scaled = z * torch.tensor([0.01, 1, 100, 3, 7, 0.5])[:, None]
    assert torch.allclose(dcl(scaled, None, temperature=0.2), loss, rtol=0, atol=EXACT)
    assert torch.equal(dcl(z, torch.zeros(6, dtype=torch.int64), temperature=0.2), loss)
