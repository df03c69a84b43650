"""Triplet loss against loops written from the papers (arXiv 1503.03832, 1703.07737)."""

import pytest
import torch
from torch import Tensor

from tests.objectives.shared import (
    HALVES,
    LABELS,
    Pair,
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
from twinview.learning import pair_mining
from twinview.objectives.triplet import triplet

MINING = ["all", "semi_hard", "hard"]
DISTANCES = ["euclidean", "cosine"]
MARGIN = {"euclidean": 1.0, "cosine": 0.4}


def mined(
    positive: list[Pair], negative: list[Pair], far: dict[Pair, Tensor], mining: str, margin: float
) -> list[tuple[Pair, Pair]]:
    """The triplets, each by its two pairs; far: how far apart a pair is."""
    whole = [(p, n) for p in positive for n in negative if p[0] == n[0]]
    if mining == "all":
        return whole
    if mining == "hard":
        anchors = sorted({p[0] for p, _ in whole})
        own = [[(p, n) for p, n in whole if p[0] == a] for a in anchors]
        return [
            (
                max((p for p, _ in t), key=far.__getitem__),
                min((n for _, n in t), key=far.__getitem__),
            )
            for t in own
        ]
    eligible = [(p, n) for p, n in whole if far[p] < far[n] < far[p] + margin]
    kept = {p: [n for q, n in eligible if q == p] for p, _ in eligible}
    return [(p, min(negatives, key=far.__getitem__)) for p, negatives in kept.items()]


def loop(
    z: Tensor, labels: Tensor | None, margin: float, distance: str, mining: str
) -> tuple[Tensor, int]:
    positive, negative = of_pairs(z, labels)
    far = {(i, j): apart(z[i], z[j], distance) for i, j in positive + negative}
    triplets = mined(positive, negative, far, mining, margin)
    loss = average([(margin + far[p] - far[n]).clamp(min=0) for p, n in triplets], z)
    return loss, len(triplets)


@pytest.mark.parametrize("mining", MINING)
@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize(("views", "labels"), [(1, LABELS), (2, None), (2, LABELS), (3, None)])
def test_value_gradient_and_count_are_the_papers(
    views: int, labels: Tensor | None, distance: str, mining: str
) -> None:
    by = {"margin": MARGIN[distance], "distance": distance, "mining": mining}
    z = embeddings(7, 5, views=views)
    assert_same(lambda z: triplet(z, labels, **by), lambda z: loop(z, labels, **by)[0], z)
    near, far = pair_mining.mine_triplets(z, labels, **by)
    assert len(near) == len(far) == loop(z, labels, **by)[1] > 0


@pytest.mark.parametrize("mining", MINING)
@pytest.mark.parametrize("distance", DISTANCES)
def test_the_gradient_is_that_of_finite_differences(distance: str, mining: str) -> None:
    z = embeddings(4, 4).requires_grad_()
    by = {"margin": MARGIN[distance], "distance": distance, "mining": mining}
    assert torch.autograd.gradcheck(lambda z: triplet(z, None, **by), z)


@pytest.mark.parametrize("mining", ["all", "hard"])
@pytest.mark.parametrize("distance", DISTANCES)
def test_embeddings_all_alike_cost_the_margin(distance: str, mining: str) -> None:
    value, gradient = differentiated(
        lambda z: triplet(z, None, margin=0.3, distance=distance, mining=mining),
        torch.ones(2, 5, 4).double(),
    )
    assert value.item() == pytest.approx(0.3)
    assert gradient.abs().max() < 1e-12  # of cosine: what rounding leaves


def test_embeddings_all_alike_make_no_semi_hard_triplet() -> None:
    alike = torch.ones(2, 5, 4).double()
    by = {"margin": 0.3, "distance": "euclidean", "mining": "semi_hard"}
    assert_nothing_to_learn(lambda z: triplet(z, None, **by), alike)
    assert len(pair_mining.mine_triplets(alike, None, **by)[0]) == 0


@pytest.mark.parametrize(
    ("mining", "first"),
    [
        ("all", [(1, 2.5), (1, 9), (3, 2.5), (3, 9)]),
        ("hard", [(3, 2.5)]),
        ("semi_hard", [(1, 2.5)]),  # farther than 3 is only 9, and by more than the margin
    ],
)
def test_an_anchor_s_triplets_are_those_of_a_line(
    mining: str, first: list[tuple[float, float]]
) -> None:
    z, labels = torch.tensor([[[0.0], [1.0], [2.5], [3.0], [9.0]]]), torch.tensor([0, 0, 1, 0, 1])
    near, far = pair_mining.mine_triplets(
        z, labels, margin=2.0, distance="euclidean", mining=mining
    )
    found = list(zip(near.tolist(), far.tolist(), strict=True))
    assert found[: len(first)] == first
    # The next triplet is the next anchor's.
    assert found[len(first)] != first[-1]


@pytest.mark.parametrize("mining", MINING)
@pytest.mark.parametrize(("views", "labels"), [(1, None), (2, torch.zeros(5))])
def test_no_triplet_leaves_nothing_to_learn_and_counts_zero(
    views: int, labels: Tensor | None, mining: str
) -> None:
    z = embeddings(5, 4, views=views)
    for distance in DISTANCES:
        by = {"margin": 100.0, "distance": distance, "mining": mining}
        assert_nothing_to_learn(lambda z, by=by: triplet(z, labels, **by), z)
        assert len(pair_mining.mine_triplets(z, labels, **by)[0]) == 0


@pytest.mark.parametrize("mining", MINING)
def test_an_anchor_alone_in_its_class_makes_no_triplet(mining: str) -> None:
    z, labels = embeddings(5, 4, views=1), torch.tensor([0, 0, 0, 0, 1])
    by = {"margin": 100.0, "distance": "euclidean", "mining": mining}
    near, far = pair_mining.mine_triplets(z, labels, **by)
    assert near.isfinite().all() and far.isfinite().all()
    assert {"all": 12, "hard": 4}.get(mining, len(near)) == len(near)


@pytest.mark.parametrize("mining", MINING)
@pytest.mark.parametrize("labels", [None, LABELS])
def test_order_rotation_and_names_do_not_matter(labels: Tensor | None, mining: str) -> None:
    for distance in DISTANCES:
        by = {"margin": MARGIN[distance], "distance": distance, "mining": mining}
        assert_blind_to_order_and_rotation(
            lambda z, names, by=by: triplet(z, names, **by), embeddings(7, 5, views=3), labels
        )


def test_the_length_of_an_embedding_does_not_matter_to_cosine() -> None:
    z, by = embeddings(6, 4), {"margin": 0.4, "distance": "cosine"}
    scaled = z * torch.logspace(-2, 2, 6)[:, None]
    for mining in MINING:
        loss = triplet(z, None, mining=mining, **by).item()
        assert triplet(scaled, None, mining=mining, **by).item() == pytest.approx(loss)


def test_facenet_s_squared_distance_is_twice_cosine() -> None:
    z = torch.nn.functional.normalize(embeddings(6, 4), dim=2)
    far = torch.cdist(z.flatten(0, 1), z.flatten(0, 1)).square()
    assert torch.allclose(2 * pair_mining.pairwise_distances(z, "cosine"), far, atol=1e-12)


@pytest.mark.parametrize("mining", MINING)
def test_views_that_agree_have_a_finite_gradient(mining: str) -> None:
    z = embeddings(5, 4)
    _, gradient = differentiated(
        lambda z: triplet(z, None, margin=9.0, distance="euclidean", mining=mining),
        torch.stack([z[0], z[0]]),
    )
    assert gradient.isfinite().all() and (gradient != 0).any()


def test_embeddings_that_nearly_agree_keep_their_distance_in_float32() -> None:
    z = torch.tensor([[[100.0, 100.0], [100.0, 100.0001]]])
    expected = z[0, 1, 1].item() - 100
    apart = pair_mining.pairwise_distances(z.repeat(1, 20, 1), "euclidean")
    assert apart[0, 1].item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("mining", MINING)
@pytest.mark.parametrize("distance", DISTANCES)
def test_half_precision_loses_nothing(dtype: torch.dtype, mining: str, distance: str) -> None:
    def objective(z: Tensor) -> Tensor:
        return triplet(z, None, margin=MARGIN[distance], distance=distance, mining=mining)

    # Distances up to ten, in float32.
    assert_halves_lose_nothing(objective, dtype, temperature=0.1)
    assert_vast_numbers_stay_finite(objective, dtype)
