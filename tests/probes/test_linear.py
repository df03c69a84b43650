"""The linear probe against scikit-learn's, converged in float64."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from tests.support.features import overlapping
from tests.support.predicted import linear
from twinview.core.types import Embeddings
from twinview.evaluation.protocol import concatenate


def reference(train: Embeddings, features: Tensor, C: float) -> Tensor:
    x = train.features.double().numpy()
    mean, std = x.mean(0), x.std(0)
    model = LogisticRegression(C=C, tol=1e-10, max_iter=10_000)
    model.fit((x - mean) / std, train.required_labels().numpy())
    return torch.from_numpy(model.predict((features.double().numpy() - mean) / std))


# At .0003 the commonest class is named nearly always, at 30 almost nothing is held back.
@pytest.mark.parametrize("C", [0.0003, 0.003, 0.1, 30.0])
def test_predictions_are_those_of_the_converged_minimum(C: float) -> None:
    train, test = overlapping(300), overlapping(3000, seed=1)
    said = linear(train, test.features, C=C)
    # Float32 decides otherwise only for rows that lie on a border.
    assert (said == reference(train, test.features, C)).double().mean() >= 0.99


def test_a_fit_after_others_and_of_joined_rows_ends_at_its_own_minimum() -> None:
    train, validation, test = (overlapping(n, seed=seed) for seed, n in enumerate((300, 60, 3000)))
    linear(train, test.features, C=0.003)
    said = linear(train, test.features, C=0.1)
    assert (said == reference(train, test.features, 0.1)).double().mean() >= 0.99
    both = concatenate(train, validation)
    said = linear(both, test.features, C=0.03)
    assert (said == reference(both, test.features, 0.03)).double().mean() >= 0.99


def test_the_penalty_matters_in_the_comparison_above() -> None:
    train, test = overlapping(300), overlapping(3000, seed=1)
    said = [linear(train, test.features, C=s) for s in (0.0003, 0.003, 0.1)]
    # Else another scale of the penalty would pass as the same.
    assert all((a != b).double().mean() > 0.03 for a, b in pairwise(said))


def test_separable_classes_are_separated() -> None:
    labels = torch.arange(60) % 3
    features = torch.eye(3)[labels] + 0.01 * torch.rand(60, 3)
    train = Embeddings(features, labels, torch.arange(60))
    assert torch.equal(linear(train, features, C=1.0), labels)


def test_scale_and_offset_of_a_feature_do_not_matter() -> None:
    train, test = overlapping(300), overlapping(1000, seed=1)
    scale, offset = torch.logspace(2, -2, 6), 10 * torch.arange(6)
    moved = Embeddings(train.features * scale + offset, train.labels, train.ids)
    said = linear(moved, test.features * scale + offset, C=0.1)
    # The offset costs the smallest feature some of float32's digits.
    assert (said == linear(train, test.features, C=0.1)).double().mean() >= 0.99


def test_a_constant_feature_changes_nothing() -> None:
    train, test = overlapping(300), overlapping(1000, seed=1)
    constant = Embeddings(
        torch.cat([train.features, torch.full((300, 1), 7.0)], 1), train.labels, train.ids
    )
    said = linear(constant, torch.cat([test.features, torch.full((1000, 1), 7.0)], 1), C=0.1)
    assert (said == linear(train, test.features, C=0.1)).double().mean() >= 0.995


def test_a_feature_that_occurs_twice_is_no_trouble() -> None:
    train = overlapping(300)
    twice = Embeddings(train.features.repeat(1, 2), train.labels, train.ids)
    said = linear(twice, twice.features, C=10.0)
    assert (said == train.required_labels()).double().mean() > 0.6


def test_more_features_than_rows_are_no_trouble() -> None:
    train, test = overlapping(30, d=200), overlapping(300, d=200, seed=1)
    said = linear(train, test.features, C=0.01)
    assert (said == reference(train, test.features, 0.01)).double().mean() >= 0.99


def sized(n: int, d: int, seed: int = 0) -> Embeddings:
    """Three classes that overlap, whatever the number of features."""
    labels = torch.arange(n) % 3
    centres = torch.randn(3, d, generator=torch.Generator().manual_seed(99)) * 3 / d**0.5
    z = centres[labels] + torch.randn(n, d, generator=torch.Generator().manual_seed(seed))
    return Embeddings(z, labels, torch.arange(n))


@pytest.mark.parametrize("C", [0.1, 30.0, 1e5])
@pytest.mark.parametrize(("n", "d"), [(100, 512), (30, 200), (300, 64), (600, 6)])
def test_the_answer_is_scikit_learn_s_at_any_shape_and_penalty(n: int, d: int, C: float) -> None:
    train, test = sized(n, d), sized(2000, d, seed=1)
    said = linear(train, test.features, C=C)
    # A weak penalty leaves the minimum of separable classes so flat that no solver ends in it.
    least = 0.98 if C < 1 else 0.95
    assert (said == reference(train, test.features, C)).double().mean() >= least


@pytest.mark.parametrize("factor", [1e-6, 1e6])
@pytest.mark.parametrize("C", [0.01, 1e5])
def test_the_scale_of_all_features_does_not_matter(factor: float, C: float) -> None:
    train, test = overlapping(300), overlapping(1000, seed=1)
    scaled = replace(train, features=train.features * factor)
    said = linear(scaled, test.features * factor, C=C)
    # Float32 rounds the products otherwise, which decides for rows that lie on a border.
    assert (said == linear(train, test.features, C=C)).double().mean() >= 0.99


@pytest.mark.parametrize("factor", [1e-6, 1.0, 1e6])
def test_constant_and_nearly_equal_features_leave_the_answer_as_it_is(factor: float) -> None:
    train, test = sized(100, 40), sized(2000, 40, seed=1)

    def more(z: Tensor) -> Tensor:
        almost = z * (1 + 1e-6 * torch.arange(len(z))[:, None] % 3)
        return torch.cat([z, almost, torch.full((len(z), 9), 0.7)], 1) * factor

    twice = replace(train, features=more(train.features))
    said = linear(twice, more(test.features), C=1e4)
    # Two copies of a feature halve its penalty.
    expected = reference(train, test.features, 2e4)
    assert (said == expected).double().mean() >= 0.95


def test_features_that_are_all_alike_are_no_trouble() -> None:
    train = sized(100, 1)
    alike = replace(train, features=train.features.expand(-1, 512).contiguous())
    said = linear(alike, alike.features, C=1e5)
    # One feature under a 512th of the penalty.
    expected = reference(train, train.features, 512e5)
    assert (said == expected).double().mean() >= 0.95


def test_the_smallest_penalty_stays_finite() -> None:
    train = overlapping(60)
    said = linear(train, train.features, C=1e6)
    assert (said == train.required_labels()).double().mean() > 0.6


def test_predictions_do_not_depend_on_the_other_rows_asked_for() -> None:
    train, test = overlapping(300), overlapping(500, seed=1)
    whole = linear(train, test.features, C=0.1)
    assert torch.equal(linear(train, test.features[:50], C=0.1), whole[:50])


def test_the_order_of_the_train_rows_does_not_matter() -> None:
    train, test = overlapping(300), overlapping(1000, seed=1)
    order = torch.randperm(300, generator=torch.Generator().manual_seed(2))
    said = linear(train.take(order), test.features, C=0.1)
    # Sums in another order, in float32.
    assert (said == linear(train, test.features, C=0.1)).double().mean() >= 0.995


def test_a_class_without_train_rows_is_never_named() -> None:
    train = overlapping(300)
    gap = Embeddings(train.features, torch.tensor([0, 2, 3])[train.required_labels()], train.ids)
    assert 1 not in linear(gap, train.features, C=1.0)


def test_labels_come_back_as_whole_numbers() -> None:
    said = linear(overlapping(60), overlapping(10).features, C=1.0)
    assert said.dtype == torch.int64 and said.shape == (10,)
    assert set(np.unique(said)) <= {0, 1, 2}
