"""NT-Logistic against a loop written from the paper (arXiv 2002.05709, table 2), closed forms."""

import math

import pytest
import torch
from torch import Tensor

from tests.objectives.shared import (
    HALVES,
    LABELS,
    TEMPERATURES,
    assert_blind_to_order_and_rotation,
    assert_halves_lose_nothing,
    assert_nothing_to_learn,
    assert_same,
    assert_vast_numbers_stay_finite,
    average,
    cosine,
    embeddings,
    of_pairs,
)
from twinview.core.errors import ConfigError
from twinview.core.types import PairLabels
from twinview.objectives.nt_logistic import nt_logistic

MINING = ["all", "semi_hard"]


def loop(z: Tensor, labels: Tensor | None, temperature: float, mining: str) -> Tensor:
    """-log sigmoid(u . v+ / t) - log sigmoid(-u . v- / t), a mean over each kind of pair."""
    positive, negative = of_pairs(z, labels)
    s = {(i, j): cosine(z[i], z[j]) for i, j in positive + negative}
    yes = [torch.log1p(torch.exp(-s[p] / temperature)) for p in positive]
    if mining == "semi_hard":
        beyond = [[s[n] for n in negative if n[0] == p[0] and s[n] < s[p]] for p in positive]
        rivals = [max(own) for own in beyond if own]
    else:
        rivals = [s[n] for n in negative]
    no = [torch.log1p(torch.exp(rival / temperature)) for rival in rivals]
    return average(yes, z) + average(no, z)


@pytest.mark.parametrize("temperature", [0.02, 0.2, 1.0])
@pytest.mark.parametrize("mining", MINING)
@pytest.mark.parametrize(
    ("views", "labels"), [(1, None), (1, LABELS), (2, None), (2, LABELS), (3, None)]
)
def test_value_and_gradient_are_the_paper_s(
    views: int, labels: Tensor | None, mining: str, temperature: float
) -> None:
    by = {"temperature": temperature, "mining": mining}
    assert_same(
        lambda z: nt_logistic(z, labels, **by),
        lambda z: loop(z, labels, **by),
        embeddings(7, 5, views=views),
    )


@pytest.mark.parametrize("mining", MINING)
def test_the_gradient_is_that_of_finite_differences(mining: str) -> None:
    z = embeddings(3, 4).requires_grad_()
    by = {"temperature": 0.5, "mining": mining}
    assert torch.autograd.gradcheck(lambda z: nt_logistic(z, None, **by), z)


def test_orthogonal_embeddings_cost_log_2_for_each_kind() -> None:
    z = torch.eye(10).double().view(2, 5, 10)
    loss = nt_logistic(z, None, temperature=0.1, mining="all").item()
    assert loss == pytest.approx(2 * math.log(2))


def test_views_that_agree_among_orthogonal_examples_cost_log_2_and_little() -> None:
    z = torch.eye(5).double()[None].repeat(2, 1, 1)
    expected = math.log(2) + math.log1p(math.exp(-1 / 0.5))
    for mining in MINING:
        loss = nt_logistic(z, None, temperature=0.5, mining=mining).item()
        assert loss == pytest.approx(expected)


def test_the_nearest_negative_beyond_the_positive_is_mined() -> None:
    degrees = torch.tensor([[0.0, 20.0, 50.0, 170.0]]).deg2rad().double()
    z = torch.stack([degrees.cos(), degrees.sin()], dim=2)
    # Anchors 0 and 50 degrees, 50 apart: 20 is nearer than that to both, 170 is beyond.
    t, labels = 0.5, torch.tensor([0, 1, 0, 2])
    expected = math.log1p(math.exp(-math.cos(math.radians(50)) / t)) + sum(
        math.log1p(math.exp(math.cos(math.radians(beyond)) / t)) / 2 for beyond in (170, 120)
    )
    loss = nt_logistic(z, labels, temperature=t, mining="semi_hard").item()
    assert loss == pytest.approx(expected)


def test_no_pair_of_a_kind_adds_nothing() -> None:
    z = embeddings(1, 4, views=1)
    for mining in MINING:
        by = {"temperature": 0.1, "mining": mining}
        assert_nothing_to_learn(lambda z, by=by: nt_logistic(z, None, **by), z)
        one_class = nt_logistic(torch.ones(2, 5, 4).double(), torch.zeros(5), **by).item()
        assert one_class == pytest.approx(math.log1p(math.exp(-10)))


@pytest.mark.parametrize("mining", MINING)
@pytest.mark.parametrize("labels", [None, LABELS])
def test_order_rotation_and_names_do_not_matter(labels: Tensor | None, mining: str) -> None:
    assert_blind_to_order_and_rotation(
        lambda z, names: nt_logistic(z, names, temperature=0.2, mining=mining),
        embeddings(7, 5, views=3),
        labels,
    )


@pytest.mark.parametrize("mining", MINING)
def test_the_length_of_an_embedding_does_not_matter(mining: str) -> None:
    z, by = embeddings(6, 4), {"temperature": 0.2, "mining": mining}
    loss = nt_logistic(z, None, **by).item()
    scaled = z * torch.logspace(-2, 2, 6)[:, None]
    assert nt_logistic(scaled, None, **by).item() == pytest.approx(loss)


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("temperature", TEMPERATURES)
@pytest.mark.parametrize("mining", MINING)
def test_half_precision_loses_nothing(dtype: torch.dtype, temperature: float, mining: str) -> None:
    def objective(z: Tensor) -> Tensor:
        return nt_logistic(z, None, temperature=temperature, mining=mining)

    assert_halves_lose_nothing(objective, dtype, temperature)
    assert_vast_numbers_stay_finite(objective, dtype)


ALIKE = torch.tensor([True, False, False, True, False, False, True])


def loop_over_pairs(z: Tensor, alike: Tensor, temperature: float) -> Tensor:
    """-log sigmoid(s u . v / t), where s is 1 for alike and -1 else; a mean over the pairs."""
    total = z.new_zeros(())
    for k, same in enumerate(alike.tolist()):
        sign = 1 if same else -1
        total = total + torch.log1p(torch.exp(-sign * cosine(z[0, k], z[1, k]) / temperature))
    return total / len(alike)


@pytest.mark.parametrize("temperature", [0.02, 0.2, 1.0])
@pytest.mark.parametrize("alike", [ALIKE, ALIKE | True, ALIKE & False])
def test_value_and_gradient_of_labelled_pairs_are_the_loop_s(
    alike: Tensor, temperature: float
) -> None:
    assert_same(
        lambda z: nt_logistic(z, PairLabels(alike), temperature=temperature, mining="all"),
        lambda z: loop_over_pairs(z, alike, temperature),
        embeddings(7, 5),
    )


def test_labelled_pairs_leave_nothing_to_mine() -> None:
    with pytest.raises(ConfigError, match=r"mining is 'semi_hard'.*set it to all"):
        nt_logistic(embeddings(7, 5), PairLabels(ALIKE), temperature=0.2, mining="semi_hard")


ALIKE = PairLabels(torch.tensor([True, False, True, False]))


def test_the_gradient_of_labelled_pairs_is_that_of_finite_differences() -> None:
    z = embeddings(4, 3).requires_grad_()
    of = {"temperature": 0.2, "mining": "all"}
    assert torch.autograd.gradcheck(lambda z: nt_logistic(z, ALIKE, **of), z)


@pytest.mark.parametrize("dtype", HALVES)
def test_labelled_pairs_in_half_precision_lose_nothing(dtype: torch.dtype) -> None:
    def of_pairs_alike(z: Tensor) -> Tensor:
        alike = PairLabels(torch.arange(z.shape[1]) % 2 == 0)
        return nt_logistic(z, alike, temperature=0.05, mining="all")

    assert_halves_lose_nothing(of_pairs_alike, dtype, 0.05)
