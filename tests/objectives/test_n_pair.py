"""N-pair loss against a loop written from the paper (Sohn 2016, eq. 6) and closed forms."""

import math

import pytest
import torch
from torch import Tensor

from tests.objectives.shared import (
    EXACT,
    HALVES,
    LABELS,
    assert_halves_lose_nothing,
    assert_nothing_to_learn,
    assert_same,
    assert_vast_numbers_stay_finite,
    average,
    differentiated,
    embeddings,
)
from twinview.objectives.n_pair import n_pair


def loop(z: Tensor, labels: Tensor | None, length_weight: float) -> Tensor:
    """log(1 + sum exp(f . f_i - f . f+)) for each anchor and positive, f_i of other classes."""
    anchors, keys = z
    names = list(range(len(keys))) if labels is None else labels.tolist()
    losses = []
    for f, own in zip(anchors, names, strict=True):
        negatives = [k for k, name in zip(keys, names, strict=True) if name != own]
        for positive in (k for k, name in zip(keys, names, strict=True) if name == own):
            rivals = [torch.exp(f @ negative - f @ positive) for negative in negatives]
            losses.append(torch.log(1 + torch.stack(rivals).sum()))
    lengths = [row @ row for row in z.flatten(0, 1)]
    return average(losses, z) + length_weight * average(lengths, z)


@pytest.mark.parametrize("labels", [None, LABELS])
@pytest.mark.parametrize("length_weight", [0.0, 0.3])
def test_value_and_gradient_are_the_paper_s(labels: Tensor | None, length_weight: float) -> None:
    assert_same(
        lambda z: n_pair(z, labels, length_weight=length_weight),
        lambda z: loop(z, labels, length_weight),
        embeddings(7, 5),
    )


@pytest.mark.parametrize("labels", [None, torch.tensor([0, 1, 0])])
def test_the_gradient_is_that_of_finite_differences(labels: Tensor | None) -> None:
    z = embeddings(3, 4).requires_grad_()
    assert torch.autograd.gradcheck(lambda z: n_pair(z, labels, length_weight=0.1), z)


def test_distinct_labels_are_none() -> None:
    z = embeddings(6, 4)
    by_label = n_pair(z, torch.arange(6).flip(0), length_weight=0.1)
    assert torch.allclose(n_pair(z, None, length_weight=0.1), by_label, rtol=0, atol=EXACT)


@pytest.mark.parametrize("n", [2, 30])
def test_identical_embeddings_cost_the_log_of_the_keys(n: int) -> None:
    z = torch.ones(2, n, 4, dtype=torch.float64)
    assert n_pair(z, None, length_weight=0.0).item() == pytest.approx(math.log(n))
    assert n_pair(z, None, length_weight=0.5).item() == pytest.approx(math.log(n) + 2)


def test_longer_embeddings_that_agree_cost_less_by_their_closed_form() -> None:
    for length in (1.0, 3.0):
        z = length * torch.eye(5).double()[None].repeat(2, 1, 1)
        expected = math.log1p(4 * math.exp(-(length**2)))
        assert n_pair(z, None, length_weight=0.0).item() == pytest.approx(expected)


def test_order_and_rotation_do_not_matter_but_anchors_are_not_keys() -> None:
    z, order = embeddings(7, 5), torch.tensor([3, 1, 5, 0, 6, 2, 4])
    rotation = torch.linalg.qr(embeddings(5, 5, seed=2)[0]).Q
    loss = n_pair(z, LABELS, length_weight=0.1)
    changed = n_pair(z[:, order] @ rotation, 100 - LABELS[order], length_weight=0.1)
    assert torch.allclose(changed, loss, rtol=0, atol=EXACT)
    assert abs(n_pair(z.flip(0), LABELS, length_weight=0.1) - loss) > 1e-3


def test_a_batch_of_one_class_leaves_nothing_to_learn() -> None:
    z = embeddings(5, 4)
    assert_nothing_to_learn(lambda z: n_pair(z, torch.zeros(5), length_weight=0.0), z)
    assert_nothing_to_learn(lambda z: n_pair(z, None, length_weight=0.0), z[:, :1])


def test_the_lengths_of_both_views_are_pulled_in() -> None:
    z = embeddings(5, 4)
    _, without = differentiated(lambda z: n_pair(z, None, length_weight=0.0), z)
    _, pulled = differentiated(lambda z: n_pair(z, None, length_weight=0.5), z)
    assert torch.allclose(pulled - without, z / 10, rtol=0, atol=EXACT)


def test_three_views_are_refused() -> None:
    with pytest.raises(AssertionError, match="two views"):
        n_pair(embeddings(5, 4, views=3), None, length_weight=0.0)


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("labels", [None, torch.arange(20) % 6])
def test_half_precision_loses_nothing(dtype: torch.dtype, labels: Tensor | None) -> None:
    # Products up to a hundred, in float32.
    assert_halves_lose_nothing(
        lambda z: n_pair(z, labels, length_weight=0.001), dtype, temperature=0.02
    )
    assert_vast_numbers_stay_finite(lambda z: n_pair(z, None, length_weight=0.001), dtype)
