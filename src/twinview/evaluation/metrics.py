"""Metrics of predicted labels."""

from collections.abc import Sequence
from typing import Any

from sklearn.metrics import confusion_matrix, precision_recall_fscore_support
from torch import Tensor

from twinview.core.types import Embeddings


def classification_metrics(
    labels: Tensor, predicted: Tensor, classes: Sequence[str]
) -> dict[str, Any]:
    """Accuracies, macro precision, recall and F1, the same for each class, the confusion matrix.

    Parameters
    ----------
    labels, predicted : (n,) int64.
    classes : the names of the classes, by label.

    Returns
    -------
    The metrics by name. The rows of "confusion" are true classes, its columns predicted ones. A
    class that is never predicted has precision 0. The balanced accuracy is the mean recall of
    the classes that have rows, as in scikit-learn; in the macro recall a class without rows
    counts as 0.
    """
    numbers = list(range(len(classes)))
    true, guessed = labels.numpy(), predicted.numpy()
    *each, rows = precision_recall_fscore_support(true, guessed, labels=numbers, zero_division=0)
    names = ("precision", "recall", "f1")
    recall = each[names.index("recall")]
    return {
        "accuracy": float((true == guessed).mean()),
        **{name: float(values.mean()) for name, values in zip(names, each, strict=True)},
        "balanced_accuracy": float(recall[rows > 0].mean()),
        "classes": {
            label: {name: float(values[i]) for name, values in zip(names, each, strict=True)}
            for i, label in enumerate(classes)
        },
        "confusion": confusion_matrix(true, guessed, labels=numbers).tolist(),
    }


def accuracy(truth: Embeddings, predicted: Tensor) -> float:
    """The share of rows whose label is predicted correctly."""
    return float((truth.required_labels() == predicted).double().mean())
