"""Weighted kNN against a loop written from the paper (arXiv 1805.01978, section 3.4)."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.support.predicted import knn
from twinview.core.types import Embeddings
from twinview.evaluation import nearest as neighbours


def rows(n: int, d: int = 4, seed: int = 0) -> Embeddings:
    """Classes that overlap; lengths that differ, so that Euclid would choose other neighbours."""
    random = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 3, (n,), generator=random)
    z = torch.eye(3, d)[labels] + 0.8 * torch.randn(n, d, generator=random)
    return Embeddings(z * torch.logspace(-1, 1, n)[:, None], labels, torch.arange(n))


def loop(train: Embeddings, query: Tensor, neighbours: int, temperature: float) -> int:
    """Every train row's cosine; the nearest vote with exp(cosine / temperature)."""
    cosines = [F.cosine_similarity(query, row, dim=0).item() for row in train.features.double()]
    nearest = sorted(range(len(train)), key=lambda i: -cosines[i])[:neighbours]
    votes = [0.0, 0.0, 0.0]
    for i in nearest:
        votes[int(train.required_labels()[i])] += math.exp(cosines[i] / temperature)
    return votes.index(max(votes))


@pytest.mark.parametrize("temperature", [0.05, 1.0])
@pytest.mark.parametrize("neighbours", [1, 4, 60])
def test_predictions_are_the_paper_s(neighbours: int, temperature: float) -> None:
    train, queries = rows(60), rows(80, seed=1).features
    expected = [loop(train, q, neighbours, temperature) for q in queries.double()]
    assert (
        knn(
            train, queries, neighbours=neighbours, temperature=temperature, pca_components=0
        ).tolist()
        == expected
    )


def test_one_neighbour_of_a_train_row_is_itself() -> None:
    train = rows(60)
    assert torch.equal(
        knn(train, train.features, neighbours=1, temperature=0.07, pca_components=0),
        train.required_labels(),
    )


def test_a_low_temperature_listens_to_the_nearest_and_a_high_one_to_the_many() -> None:
    train = Embeddings(
        torch.tensor([[1.0, 0], [1.0, 0.5], [1.0, 0.5]]), torch.tensor([0, 1, 1]), torch.arange(3)
    )
    query = torch.tensor([[1.0, 0.0]])
    assert knn(train, query, neighbours=3, temperature=0.07, pca_components=0).item() == 0
    assert knn(train, query, neighbours=3, temperature=1.0, pca_components=0).item() == 1


def test_a_very_low_temperature_does_not_overflow() -> None:
    train = rows(60)
    said = knn(train, train.features, neighbours=60, temperature=0.001, pca_components=0)
    assert torch.equal(said, train.required_labels())


def test_with_fewer_rows_than_neighbours_all_vote() -> None:
    train, queries = rows(10), rows(20, seed=1).features
    said = knn(train, queries, neighbours=200, temperature=0.07, pca_components=0)
    assert torch.equal(said, knn(train, queries, neighbours=10, temperature=0.07, pca_components=0))


def test_the_length_of_features_does_not_matter() -> None:
    train, queries = rows(60), rows(20, seed=1).features
    longer = Embeddings(train.features * 8, train.labels, train.ids)
    said = knn(longer, queries / 8, neighbours=5, temperature=0.07, pca_components=0)
    assert torch.equal(said, knn(train, queries, neighbours=5, temperature=0.07, pca_components=0))


def test_how_many_are_compared_at_once_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    train, queries = rows(60), rows(80, seed=1).features
    whole = knn(train, queries, neighbours=5, temperature=0.07, pca_components=0)
    monkeypatch.setattr(neighbours, "_ROWS", 7)
    assert torch.equal(knn(train, queries, neighbours=5, temperature=0.07, pca_components=0), whole)


def test_a_class_without_train_rows_is_never_named() -> None:
    train = rows(60)
    gap = Embeddings(train.features, torch.tensor([0, 2, 3])[train.required_labels()], train.ids)
    assert 1 not in knn(gap, train.features, neighbours=5, temperature=0.07, pca_components=0)


def test_whitening_finds_neighbours_in_a_direction_of_little_variance() -> None:
    random = torch.Generator().manual_seed(0)
    labels = torch.arange(400) % 2
    loud = 100 * torch.randn(400, 3, generator=random)
    quiet = (2.0 * labels - 1)[:, None] + 0.1 * torch.randn(400, 1, generator=random)
    both = Embeddings(torch.cat([loud, quiet], 1), labels, torch.arange(400))
    train, test = both.take(torch.arange(300)), both.take(torch.arange(300, 400))
    right = {
        directions: (
            knn(train, test.features, neighbours=5, temperature=0.07, pca_components=directions)
            == test.required_labels()
        )
        .double()
        .mean()
        for directions in (0, 4)
    }
    assert right[0] < 0.7
    assert right[4] > 0.9
