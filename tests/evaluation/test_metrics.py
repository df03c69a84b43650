"""Metrics of predicted labels, beside scikit-learn's and in closed form."""

import pytest
import torch
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    f1_score,
    precision_score,
    recall_score,
)

from tests.support.evaluated import CLASSES
from twinview.evaluation.metrics import classification_metrics


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
