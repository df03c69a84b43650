"""Contrastive loss against a loop written from the paper (Hadsell 2006, eq. 4), closed forms."""

import pytest
import torch
from torch import Tensor

from tests.objectives.shared import (
    EXACT,
    HALVES,
    LABELS,
    apart,
    assert_blind_to_order_and_rotation,
    assert_halves_lose_nothing,
    assert_nothing_to_learn,
    assert_same,
    assert_vast_numbers_stay_finite,
    average,
    differentiated,
    embeddings,
    of_pairs,
)
from twinview.core.types import PairLabels
from twinview.learning import pair_mining, tally
from twinview.objectives.contrastive import contrastive

DISTANCES = ["euclidean", "cosine"]


def loop(z: Tensor, labels: Tensor | None, margin: float, distance: str) -> Tensor:
    """Half of D squared, or half of max(0, m - D) squared; a mean over each kind of pair."""
    positive, negative = of_pairs(z, labels)
    close = [apart(z[i], z[j], distance) ** 2 / 2 for i, j in positive]
    far = [(margin - apart(z[i], z[j], distance)).clamp(min=0) ** 2 / 2 for i, j in negative]
    return average(close, z) + average(far, z)


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize("labels", [None, LABELS])
@pytest.mark.parametrize("views", [1, 2, 3])
def test_value_and_gradient_are_the_paper_s(
    views: int, labels: Tensor | None, distance: str
) -> None:
    # Some negatives are farther than the margin and some are not.
    margin = {"euclidean": 2.5, "cosine": 0.9}[distance]
    assert_same(
        lambda z: contrastive(z, labels, margin=margin, distance=distance),
        lambda z: loop(z, labels, margin, distance),
        embeddings(7, 5, views=views),
    )


@pytest.mark.parametrize("distance", DISTANCES)
def test_the_gradient_is_that_of_finite_differences(distance: str) -> None:
    z = embeddings(3, 4).requires_grad_()
    by = {"margin": 1.5, "distance": distance}
    assert torch.autograd.gradcheck(lambda z: contrastive(z, None, **by), z)


@pytest.mark.parametrize("distance", DISTANCES)
def test_embeddings_all_alike_cost_half_the_squared_margin(distance: str) -> None:
    value, gradient = differentiated(
        lambda z: contrastive(z, None, margin=0.6, distance=distance), torch.ones(2, 5, 4).double()
    )
    assert value.item() == pytest.approx(0.18)
    assert gradient.abs().max() < 1e-12  # of cosine: what rounding leaves


def test_views_that_agree_have_a_finite_gradient() -> None:
    z = embeddings(5, 4)
    _, gradient = differentiated(
        lambda z: contrastive(z, None, margin=5.0, distance="euclidean"), torch.stack([z[0], z[0]])
    )
    assert gradient.isfinite().all() and (gradient != 0).all()


def test_two_points_cost_their_closed_form() -> None:
    z = torch.tensor([[[0.0], [2.0]], [[0.5], [2.5]]])
    # Positives are .5 apart; negatives 2, 2, 2.5 and 1.5.
    expected = (0.25 + (1 + 1 + 0.25 + 2.25) / 4) / 2
    loss = contrastive(z, None, margin=3.0, distance="euclidean").item()
    assert loss == pytest.approx(expected)


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize("labels", [None, LABELS])
def test_order_rotation_and_names_do_not_matter(labels: Tensor | None, distance: str) -> None:
    assert_blind_to_order_and_rotation(
        lambda z, names: contrastive(z, names, margin=1.5, distance=distance),
        embeddings(7, 5, views=3),
        labels,
    )


def test_neither_the_lengths_of_cosine_nor_the_origin_of_euclidean_matter() -> None:
    z, by = embeddings(6, 4), {"margin": 1.5}
    scaled, moved = z * torch.logspace(-2, 2, 6)[:, None], z + 3
    for distance, changed in (("cosine", scaled), ("euclidean", moved)):
        loss = contrastive(z, None, distance=distance, **by).item()
        assert contrastive(changed, None, distance=distance, **by).item() == pytest.approx(loss)


def test_without_positives_only_the_negatives_count_and_without_negatives_the_positives() -> None:
    far, alike = torch.eye(5).double()[None], torch.ones(2, 5, 4).double()
    by = {"margin": 0.9, "distance": "cosine"}
    assert_nothing_to_learn(lambda z: contrastive(z, None, **by), far)
    assert contrastive(alike, torch.zeros(5), **by).item() == pytest.approx(0, abs=1e-12)
    assert contrastive(alike[:1], None, **by).item() == pytest.approx(0.405)


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("distance", DISTANCES)
def test_half_precision_loses_nothing(dtype: torch.dtype, distance: str) -> None:
    def objective(z: Tensor) -> Tensor:
        return contrastive(z, None, margin=1.5, distance=distance)

    # A loss of tens, in float32.
    assert_halves_lose_nothing(objective, dtype, temperature=0.05)
    assert_vast_numbers_stay_finite(objective, dtype)


ALIKE = torch.tensor([True, False, False, True, False, False, True])


def loop_over_pairs(z: Tensor, alike: Tensor, margin: float, distance: str) -> Tensor:
    """Y D^2 / 2 + (1 - Y) max(0, m - D)^2 / 2, where Y is 1 for alike; a mean over the pairs."""
    total = z.new_zeros(())
    for k, y in enumerate(alike.long().tolist()):
        d = apart(z[0, k], z[1, k], distance)
        total = total + y * d**2 / 2 + (1 - y) * (margin - d).clamp(min=0) ** 2 / 2
    return total / len(alike)


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize("alike", [ALIKE, ALIKE | True, ALIKE & False])
def test_value_and_gradient_of_labelled_pairs_are_the_paper_s(alike: Tensor, distance: str) -> None:
    z, margin = embeddings(7, 5), {"euclidean": 3.0, "cosine": 1.0}[distance]
    unlike = pair_mining.distances_across_views(z, distance)[~ALIKE]  # type: ignore[arg-type]
    assert (unlike < margin).any() and (unlike > margin).any()
    assert_same(
        lambda z: contrastive(z, PairLabels(alike), margin=margin, distance=distance),  # type: ignore[arg-type]
        lambda z: loop_over_pairs(z, alike, margin, distance),
        z,
    )


@pytest.mark.parametrize("distance", DISTANCES)
def test_the_gradient_of_labelled_pairs_is_that_of_finite_differences(distance: str) -> None:
    def loss(z: Tensor) -> Tensor:
        return contrastive(z, PairLabels(ALIKE[:4]), margin=1.5, distance=distance)  # type: ignore[arg-type]

    assert torch.autograd.gradcheck(loss, embeddings(4, 3).requires_grad_())


def test_an_unlike_pair_at_one_point_has_a_finite_gradient() -> None:
    z = embeddings(5, 4)
    value, gradient = differentiated(
        lambda z: contrastive(z, PairLabels(ALIKE[:5]), margin=2.0, distance="euclidean"),
        torch.stack([z[0], z[0]]),
    )
    # Three of five pairs lack the margin.
    assert value.item() == pytest.approx(0.6 * 2) and gradient.abs().max() <= EXACT


def test_labelled_pairs_know_of_no_other_pair() -> None:
    z = embeddings(7, 5)
    one = [
        contrastive(z[:, k : k + 1], PairLabels(ALIKE[k : k + 1]), margin=1.5, distance="cosine")
        for k in range(7)
    ]
    whole = contrastive(z, PairLabels(ALIKE), margin=1.5, distance="cosine")
    assert torch.allclose(whole, torch.stack(one).mean())


@pytest.mark.parametrize("distance", DISTANCES)
def test_across_is_between_at_the_pairs(distance: str) -> None:
    z = embeddings(7, 5)
    table = pair_mining.pairwise_distances(z, distance)  # type: ignore[arg-type]
    found = pair_mining.distances_across_views(z, distance)  # type: ignore[arg-type]
    assert torch.allclose(found, table[:7, 7:].diagonal())


def test_of_labelled_pairs_each_has_a_positive_or_a_negative() -> None:
    with tally.recording() as told:
        contrastive(embeddings(7, 5), PairLabels(ALIKE), margin=1.5, distance="cosine")
    assert (told["positives"], told["negatives"]) == (pytest.approx(3 / 7), pytest.approx(4 / 7))
    assert (told["anchors_without_positive"], told["anchors_without_negative"]) == (4, 3)


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("distance", DISTANCES)
def test_half_precision_loses_nothing_of_labelled_pairs(dtype: torch.dtype, distance: str) -> None:
    def objective(z: Tensor) -> Tensor:
        alike = PairLabels(torch.arange(z.shape[1]) % 3 == 0)
        return contrastive(z, alike, margin=1.5, distance=distance)  # type: ignore[arg-type]

    assert_halves_lose_nothing(objective, dtype, temperature=0.05)
    assert_vast_numbers_stay_finite(objective, dtype)
