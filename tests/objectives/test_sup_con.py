"""SupCon against a loop written from the paper (arXiv 2004.11362, eq. 2) and closed forms."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.objectives.shared import (
    EXACT,
    HALVES,
    TEMPERATURES,
    assert_halves_lose_nothing,
    assert_nothing_to_learn,
    assert_same,
    cosine,
    embeddings,
)
from twinview.objectives.nt_xent import nt_xent
from twinview.objectives.sup_con import sup_con

LABELS = torch.tensor([4, 1, 4, 0, 1, 4, 9])  # 0 and 9 stand alone in their classes


def loop(z: Tensor, labels: Tensor, temperature: float) -> Tensor:
    """L_out: the mean over positives is outside the log. An anchor without any adds nothing."""
    views, n, _ = z.shape
    rows = [(view, k) for view in range(views) for k in range(n)]
    total = z.new_zeros(())
    for i in rows:
        others = [a for a in rows if a != i]
        denominator = sum((torch.exp(cosine(z[i], z[a]) / temperature) for a in others), total * 0)
        positives = [p for p in others if labels[p[1]] == labels[i[1]]]
        for p in positives:
            share = torch.exp(cosine(z[i], z[p]) / temperature) / denominator
            total = total - torch.log(share) / len(positives)
    return total / len(rows)


@pytest.mark.parametrize("temperature", [0.05, 0.2, 1.0])
@pytest.mark.parametrize("views", [1, 2, 3])
def test_value_and_gradient_are_the_paper_s(views: int, temperature: float) -> None:
    assert_same(
        lambda z: sup_con(z, LABELS, temperature=temperature),
        lambda z: loop(z, LABELS, temperature),
        embeddings(7, 5, views=views),
    )


def dense(z: Tensor, labels: Tensor, temperature: float) -> Tensor:
    """With the matrix of all pairs and the mask of the positive ones."""
    unit = F.normalize(z.flatten(0, 1), dim=1)
    classes = labels.repeat(len(z))
    itself = torch.eye(len(unit), dtype=torch.bool)
    positive = (classes[:, None] == classes) & ~itself
    log_share = (unit @ unit.T / temperature).masked_fill(itself, -torch.inf).log_softmax(1)
    return -(log_share.masked_fill(~positive, 0).sum(1) / positive.sum(1)).mean()


@pytest.mark.parametrize(("views", "n"), [(2, 700), (3, 450)])
def test_many_tiles_are_the_matrix_of_all_pairs(views: int, n: int) -> None:
    labels = torch.arange(n) * 7 % 10
    assert_same(
        lambda z: sup_con(z, labels, temperature=0.1),
        lambda z: dense(z, labels, 0.1),
        embeddings(n, 16, views=views),
    )


@pytest.mark.parametrize("views", [1, 3])
def test_the_gradient_is_that_of_finite_differences(views: int) -> None:
    z, labels = embeddings(4, 3, views=views).requires_grad_(), torch.tensor([0, 1, 0, 2])
    assert torch.autograd.gradcheck(lambda z: sup_con(z, labels, temperature=0.5), z)


def test_without_labels_two_views_are_nt_xent() -> None:
    assert_same(
        lambda z: sup_con(z, None, temperature=0.2),
        lambda z: nt_xent(z, None, temperature=0.2),
        embeddings(9, 4),
    )


@pytest.mark.parametrize("views", [1, 2, 4])
def test_identical_embeddings_cost_the_log_of_the_other_rows(views: int) -> None:
    z = torch.ones(views, 6, 3, dtype=torch.float64)
    loss = sup_con(z, torch.arange(6) % 3, temperature=0.1).item()
    assert loss == pytest.approx(math.log(views * 6 - 1))


def test_classes_that_stand_opposite_cost_their_closed_form() -> None:
    labels = torch.tensor([0, 0, 0, 1, 1])
    z = torch.where(labels == 0, 1.0, -1.0).double().view(1, 5, 1)
    across = math.exp(-2 / 0.5)
    expected = (3 * math.log(2 + 2 * across) + 2 * math.log(1 + 3 * across)) / 5
    assert sup_con(z, labels, temperature=0.5).item() == pytest.approx(expected)


def test_an_anchor_without_positives_costs_nothing_and_counts() -> None:
    z, labels = embeddings(5, 4, views=1), torch.tensor([0, 0, 1, 1, 2])
    anchors = [loop_of_anchor(z[0], labels, i) for i in range(4)]
    loss = sup_con(z, labels, temperature=0.2)
    assert torch.allclose(loss, torch.stack(anchors).sum() / 5, rtol=0, atol=EXACT)


def loop_of_anchor(rows: Tensor, labels: Tensor, i: int) -> Tensor:
    similarity = torch.stack([cosine(rows[i], row) for row in rows]) / 0.2
    others = torch.arange(len(rows)) != i
    positives = others & (labels == labels[i])
    return similarity[others].logsumexp(0) - similarity[positives].mean()


def test_no_positives_at_all_is_zero_with_a_gradient_of_zero() -> None:
    assert_nothing_to_learn(
        lambda z: sup_con(z, torch.arange(6), temperature=0.01), embeddings(6, 4, views=1)
    )


def test_the_names_of_classes_do_not_matter() -> None:
    z = embeddings(7, 4)
    renamed = torch.tensor([5, 70, 5, 2, 70, 5, 3])
    loss = sup_con(z, LABELS, temperature=0.2)
    assert torch.allclose(sup_con(z, renamed, temperature=0.2), loss, rtol=0, atol=EXACT)


def test_the_order_of_views_and_the_length_of_embeddings_do_not_matter() -> None:
    z = embeddings(7, 4, views=3)
    changed = z.flip(0) * torch.linspace(0.01, 100, 7)[:, None]
    loss = sup_con(z, LABELS, temperature=0.2)
    assert torch.allclose(sup_con(changed, LABELS, temperature=0.2), loss, rtol=0, atol=EXACT)


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_half_precision_loses_nothing(dtype: torch.dtype, temperature: float) -> None:
    labels = torch.arange(20) % 6
    assert_halves_lose_nothing(
        lambda z: sup_con(z, labels, temperature=temperature), dtype, temperature
    )
