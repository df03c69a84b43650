"""NT-Xent against a loop written from the paper (arXiv 2002.05709, eq. 1) and closed forms."""

import math
from itertools import combinations, permutations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.objectives.shared import (
    EXACT,
    HALVES,
    TEMPERATURES,
    assert_halves_lose_nothing,
    assert_same,
    cosine,
    embeddings,
)
from twinview.objectives.nt_xent import nt_xent


def loop(z: Tensor, temperature: float) -> Tensor:
    """Equation 1, pair by pair: rows 2k - 1 and 2k of the paper are views 0 and 1 of example k."""
    n = z.shape[1]
    rows = [(view, k) for view in range(2) for k in range(n)]
    total = z.new_zeros(())
    for i in rows:
        others = z.new_zeros(())
        for k in rows:
            if k != i:
                others = others + torch.exp(cosine(z[i], z[k]) / temperature)
        j = (1 - i[0], i[1])
        total = total - torch.log(torch.exp(cosine(z[i], z[j]) / temperature) / others)
    return total / (2 * n)


@pytest.mark.parametrize("temperature", [0.05, 0.2, 1.0])
@pytest.mark.parametrize(("n", "d"), [(1, 3), (2, 2), (7, 5)])
def test_value_and_gradient_are_the_paper_s(n: int, d: int, temperature: float) -> None:
    assert_same(
        lambda z: nt_xent(z, None, temperature=temperature),
        lambda z: loop(z, temperature),
        embeddings(n, d),
    )


def loop_of_pairs(z: Tensor, temperature: float) -> Tensor:
    """The mean of equation 1 over the pairs of views."""
    return torch.stack([loop(torch.stack(pair), temperature) for pair in combinations(z, 2)]).mean()


@pytest.mark.parametrize("temperature", [0.05, 0.2, 1.0])
@pytest.mark.parametrize(("views", "n"), [(3, 1), (3, 5), (4, 3)])
def test_value_and_gradient_of_many_views_are_the_mean_over_their_pairs(
    views: int, n: int, temperature: float
) -> None:
    assert_same(
        lambda z: nt_xent(z, None, temperature=temperature),
        lambda z: loop_of_pairs(z, temperature),
        embeddings(n, 5, views=views),
    )


def dense(z: Tensor, temperature: float) -> Tensor:
    """Cross-entropy on the matrix of all pairs."""
    unit = F.normalize(z.flatten(0, 1), dim=1)
    similarity = (unit @ unit.T / temperature).fill_diagonal_(-torch.inf)
    return F.cross_entropy(similarity, torch.arange(len(unit)).roll(z.shape[1]))


@pytest.mark.parametrize(("n", "temperature"), [(300, 0.02), (700, 1.0), (2048, 0.2)])
def test_many_tiles_are_the_matrix_of_all_pairs(n: int, temperature: float) -> None:
    # Several tiles of 512 rows, the last one smaller but for 2,048.
    assert_same(
        lambda z: nt_xent(z, None, temperature=temperature),
        lambda z: dense(z, temperature),
        embeddings(n, 16),
    )


def test_many_tiles_of_many_views_are_the_matrices_of_all_pairs() -> None:
    assert_same(
        lambda z: nt_xent(z, None, temperature=0.1),
        lambda z: torch.stack([dense(torch.stack(p), 0.1) for p in combinations(z, 2)]).mean(),
        embeddings(450, 16, views=3),
    )


def test_the_gradient_is_that_of_finite_differences() -> None:
    z = embeddings(3, 4).requires_grad_()
    assert torch.autograd.gradcheck(lambda z: nt_xent(z, None, temperature=0.5), z)


@pytest.mark.parametrize("n", [2, 50])
def test_identical_embeddings_cost_the_log_of_the_other_rows(n: int) -> None:
    z = torch.ones(2, n, 8, dtype=torch.float64)
    assert nt_xent(z, None, temperature=0.1).item() == pytest.approx(math.log(2 * n - 1))


def test_views_that_agree_on_opposite_directions_cost_their_closed_form() -> None:
    z = torch.tensor([[[1.0], [-1.0]]] * 2, dtype=torch.float64)
    t = 0.5
    expected = math.log(1 + 2 * math.exp(-2 / t))  # one positive at 1, two negatives at -1
    assert nt_xent(z, None, temperature=t).item() == pytest.approx(expected)


def test_random_embeddings_cost_about_the_log_of_the_other_rows() -> None:
    z = torch.randn(2, 512, 256, generator=torch.Generator().manual_seed(0))
    # Cosines have variance 1 / d, which moves the mean loss by 1 / (2 d t^2) = .002.
    loss = nt_xent(z, None, temperature=1.0).item()
    assert loss == pytest.approx(math.log(2 * 512 - 1), abs=0.01)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_a_low_temperature_neither_overflows_nor_sees_the_self_pair(dtype: torch.dtype) -> None:
    z = torch.eye(8)[None].repeat(2, 1, 1).to(dtype).requires_grad_()
    loss = nt_xent(z, None, temperature=0.01)
    loss.backward()
    assert z.grad is not None and z.grad.isfinite().all()
    # Aligned: exp(-100) from the negatives. A self pair that is seen would cost log 2.
    assert loss.item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_half_precision_loses_nothing(dtype: torch.dtype, temperature: float) -> None:
    assert_halves_lose_nothing(
        lambda z: nt_xent(z, None, temperature=temperature), dtype, temperature
    )


def test_the_self_pair_is_left_out_exactly_and_not_by_a_large_number() -> None:
    z = torch.stack([torch.eye(8), -torch.eye(8)]).double()
    # The partner at -1 / t, fourteen others at 0; the self pair at 1 / t would outweigh them all.
    loss = nt_xent(z, None, temperature=1e-6).item()
    assert loss == pytest.approx(1e6 + math.log(14), abs=1e-6)


def test_swapping_the_views_changes_nothing() -> None:
    z = embeddings(6, 4)
    swapped = nt_xent(z.flip(0), None, temperature=0.2)
    assert torch.allclose(nt_xent(z, None, temperature=0.2), swapped, rtol=0, atol=EXACT)


def test_the_order_of_many_views_changes_nothing() -> None:
    z = embeddings(6, 4, views=4)
    loss = nt_xent(z, None, temperature=0.2)
    for order in permutations(range(4)):
        found = nt_xent(z[list(order)], None, temperature=0.2)
        assert torch.allclose(found, loss, rtol=0, atol=EXACT)


def test_views_that_are_all_alike_cost_what_two_of_them_cost() -> None:
    z = embeddings(6, 4)[:1].expand(2, -1, -1)
    two, five = (nt_xent(alike, None, temperature=0.2) for alike in (z, z[:1].expand(5, -1, -1)))
    assert torch.allclose(two, five, rtol=0, atol=EXACT)


def test_the_length_of_an_embedding_does_not_matter() -> None:
    z = embeddings(6, 4)
    scaled = z * torch.tensor([0.01, 1, 100, 3, 7, 0.5])[:, None]
    loss = nt_xent(z, None, temperature=0.2)
    assert torch.allclose(nt_xent(scaled, None, temperature=0.2), loss, rtol=0, atol=EXACT)


def test_views_that_agree_cost_less_than_views_of_other_examples() -> None:
    z = embeddings(32, 16)
    agreeing = torch.stack([z[0], z[0]])
    strangers = torch.stack([z[0], z[0].roll(1, 0)])
    by = {"temperature": 0.2}
    assert nt_xent(agreeing, None, **by) < nt_xent(z, None, **by) < nt_xent(strangers, None, **by)


def test_labels_are_not_looked_at() -> None:
    z = embeddings(6, 4)
    blind = nt_xent(z, None, temperature=0.2)
    assert torch.equal(nt_xent(z, torch.zeros(6, dtype=torch.int64), temperature=0.2), blind)
