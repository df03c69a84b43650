"""A confusion matrix and the metrics of its classes, as rows of one table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_MISTAKES = 6  # the number of frequent mistakes that the page lists


@dataclass(frozen=True)
class ConfusionCell:
    """The examples of one true class that were predicted as one class.

    share: of the true class. correct: whether the two classes are the same.
    """

    number: int
    share: float
    correct: bool
    label: str


@dataclass(frozen=True)
class ClassRow:
    """One true class: its row of the matrix, precision, recall and F1."""

    name: str
    counts: tuple[ConfusionCell, ...]
    precision: float
    recall: float
    f1: float


def class_rows(metrics: Mapping[str, Any], classes: Sequence[str]) -> list[ClassRow]:
    """The rows of one probe's confusion matrix, in the order of classes."""
    return [
        ClassRow(
            name=name,
            counts=tuple(
                _cell(name, predicted, numbers, column) for column, predicted in enumerate(classes)
            ),
            **metrics["classes"][name],
        )
        for name, numbers in zip(classes, metrics["confusion"], strict=True)
    ]


def largest_mistakes(
    metrics: Mapping[str, Any], classes: Sequence[str]
) -> list[tuple[str, int, int, int]]:
    """The most frequent mistakes: text, number, index of the true and of the predicted class."""
    cells = [
        (f"{classes[actual]} taken for {classes[predicted]}", number, actual, predicted)
        for actual, numbers in enumerate(metrics["confusion"])
        for predicted, number in enumerate(numbers)
        if number and actual != predicted
    ]
    return sorted(cells, key=lambda cell: -cell[1])[:_MISTAKES]


def _cell(actual: str, predicted: str, numbers: Sequence[int], column: int) -> ConfusionCell:
    number, total = numbers[column], max(1, sum(numbers))
    label = f"{number} of {sum(numbers)} {actual} taken for {predicted}"
    return ConfusionCell(number, round(number / total, 3), actual == predicted, label)
