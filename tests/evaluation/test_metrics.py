"""Metrics of predicted labels, beside scikit-learn's and in closed form."""

import itertools

import pytest
import torch
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    f1_score,
    precision_score,
    recall_score,
    roc_auc_score,
)

from tests.support.evaluated import CLASSES
from twinview.core.errors import DataError
from twinview.evaluation.metrics import classification_metrics, roc_auc


def test_metrics_are_scikit_learn_s() -> None:
    random = torch.Generator().manual_seed(0)
    labels, said = (torch.randint(0, 3, (200,), generator=random) for _ in range(2))
    found = classification_metrics(labels, said, CLASSES)
    assert found["accuracy"] == pytest.approx(accuracy_score(labels, said))
    assert found["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(labels, said))
    for name, function in (
        ("precision", precision_score),
        ("recall", recall_score),
        ("f1", f1_score),
    ):
        assert found[name] == pytest.approx(function(labels, said, average="macro"))
        each = [found["classes"][label][name] for label in CLASSES]
        assert each == pytest.approx(function(labels, said, average=None).tolist())


def test_metrics_of_a_small_table_in_closed_form() -> None:
    labels, said = torch.tensor([0, 0, 0, 1, 1, 2]), torch.tensor([0, 0, 1, 1, 0, 2])
    found = classification_metrics(labels, said, CLASSES)
    assert found["confusion"] == [[2, 1, 0], [1, 1, 0], [0, 0, 1]]
    assert found["classes"]["a"] == pytest.approx(
        {"precision": 2 / 3, "recall": 2 / 3, "f1": 2 / 3}
    )
    assert found["classes"]["b"] == pytest.approx(
        {"precision": 1 / 2, "recall": 1 / 2, "f1": 1 / 2}
    )
    assert found["accuracy"] == pytest.approx(4 / 6)


def test_rows_of_the_confusion_matrix_are_true_classes() -> None:
    found = classification_metrics(torch.tensor([0, 0, 1]), torch.tensor([2, 2, 1]), CLASSES)
    assert found["confusion"] == [[0, 0, 2], [0, 1, 0], [0, 0, 0]]


def test_a_class_that_is_never_named_has_precision_zero_and_counts() -> None:
    found = classification_metrics(torch.tensor([0, 1]), torch.tensor([0, 0]), ("a", "b"))
    assert found["classes"]["b"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0}
    assert found["precision"] == 0.25 and found["recall"] == 0.5


@pytest.mark.parametrize("share", [0.1, 0.9])
def test_the_balanced_accuracy_does_not_depend_on_how_many_rows_a_class_has(share: float) -> None:
    rows = int(100 * share)
    labels = torch.tensor([0] * rows + [1] * (100 - rows))
    always_a = classification_metrics(labels, torch.zeros_like(labels), ("a", "b"))
    assert always_a["accuracy"] == pytest.approx(share) and always_a["balanced_accuracy"] == 0.5


def test_a_class_without_rows_is_left_out_of_the_balanced_accuracy_alone() -> None:
    labels, said = torch.tensor([0, 0, 1, 1]), torch.tensor([0, 2, 1, 1])
    found = classification_metrics(labels, said, CLASSES)
    assert found["balanced_accuracy"] == 0.75 and found["recall"] == 0.5


def test_the_area_of_two_classes_is_the_share_of_pairs_in_order() -> None:
    random = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 2, (60,), generator=random)
    second = (torch.rand(60, generator=random, dtype=torch.float64) + labels / 3).round(decimals=1)
    pairs = [
        1.0 if a > b else 0.5 if a == b else 0.0
        for a, b in itertools.product(second[labels == 1].tolist(), second[labels == 0].tolist())
    ]
    found = roc_auc(labels, torch.stack([1 - second, second], 1))
    assert found == pytest.approx(sum(pairs) / len(pairs)) and 0.6 < found < 1


def test_the_area_of_more_classes_is_scikit_learn_s_one_versus_rest() -> None:
    random = torch.Generator().manual_seed(1)
    labels = torch.randint(0, 3, (90,), generator=random)
    shares = torch.randn(90, 3, generator=random, dtype=torch.float64).softmax(1)
    theirs = roc_auc_score(labels, shares, multi_class="ovr", average="macro")
    assert roc_auc(labels, shares) == pytest.approx(theirs)


def test_the_area_leaves_out_a_class_without_rows_and_ranks_one_that_was_not_learnt_by_chance() -> (
    None
):
    labels = torch.tensor([0, 0, 2, 2])
    shares = torch.tensor([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.2, 0.8]]).double()
    assert roc_auc(labels, shares) == pytest.approx((1 + 0.5) / 2)
    assert roc_auc(labels, torch.cat([shares, 1 - shares[:, :1]], 1)) == 1


def test_one_class_has_no_area() -> None:
    with pytest.raises(DataError, match="one class only, which roc_auc cannot rank; take roc_auc"):
        roc_auc(torch.tensor([1, 1]), torch.rand(2, 2))
