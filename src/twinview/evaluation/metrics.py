"""Metrics of predicted labels, and of the shares of classes that probes predict."""

import statistics
from collections.abc import Sequence
from typing import Any

import torch.nn.functional as F
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support, roc_auc_score
from torch import Tensor

from twinview.core.errors import DataError
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


def roc_auc(labels: Tensor, shares: Tensor) -> float:
    """The area under the ROC curve: how often a row of a class has more of its share than others.

    With two classes it is the usual area. With more it is the mean over the classes that have
    rows, each against all others, as in scikit-learn's one-vs-rest with macro averages.

    Parameters
    ----------
    labels : (n,) int64.
    shares : (n, k) float64, of each class; a class without a column has share 0.

    Raises
    ------
    DataError : all rows have one label.
    """
    present = labels.unique().tolist()
    if len(present) < 2:
        raise DataError.at(
            "the test split",
            "has labelled examples of one class only, which roc_auc cannot rank",
            "take roc_auc out of tasks.classification.measures",
        )
    missing = max(present) + 1 - shares.shape[1]
    columns = F.pad(shares, (0, max(0, missing)))
    areas = [roc_auc_score(labels == label, columns[:, label]) for label in present]
    return float(statistics.fmean(areas))


def accuracy(truth: Embeddings, predicted: Tensor) -> float:
    """The share of rows whose label is predicted correctly."""
    return float((truth.required_labels() == predicted).double().mean())
