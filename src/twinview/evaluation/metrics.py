"""Metrics of predicted labels, and the few of them that are compared."""

from collections.abc import Mapping, Sequence
from typing import Any

from sklearn.metrics import confusion_matrix, precision_recall_fscore_support
from torch import Tensor

from twinview.core.types import Embeddings
from twinview.settings.sections import MEASURES, VALIDATION


def classification_metrics(
    labels: Tensor, predicted: Tensor, classes: Sequence[str]
) -> dict[str, Any]:
    """Accuracy; macro precision, recall, F1; the same of each class; the confusion matrix.

    Rows of the matrix are true classes, columns predicted ones. A class that is never predicted
    has precision 0.
    """
    numbers = list(range(len(classes)))
    truth, said = labels.numpy(), predicted.numpy()
    each = precision_recall_fscore_support(truth, said, labels=numbers, zero_division=0)
    names = ("precision", "recall", "f1")
    return {
        "accuracy": float((truth == said).mean()),
        **{name: float(values.mean()) for name, values in zip(names, each, strict=False)},
        "classes": {
            label: {name: float(values[i]) for name, values in zip(names, each, strict=False)}
            for i, label in enumerate(classes)
        },
        "confusion": confusion_matrix(truth, said, labels=numbers).tolist(),
    }


def accuracy(truth: Embeddings, predicted: Tensor) -> float:
    """The share of rows whose label is predicted."""
    return float((truth.required_labels() == predicted).double().mean())


def headline_metrics(found: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Of each task of one contender the few numbers that are compared: what DVC tracks."""
    kept = (*MEASURES, "spread_over_draws", VALIDATION)
    return {task: {key: of[key] for key in kept if key in of} for task, of in found.items()}
