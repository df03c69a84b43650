"""A confusion matrix and its classes' metrics as rows of one table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_LARGEST = 6


@dataclass(frozen=True)
class ConfusionCell:
    """Examples of one true class that were taken for another: how many, and which share of it."""

    number: int
    share: float
    correct: bool
    label: str


@dataclass(frozen=True)
class ClassRow:
    """One true class: what its examples were taken for, precision, recall and F1."""

    name: str
    counts: tuple[ConfusionCell, ...]
    precision: float
    recall: float
    f1: float


def class_rows(found: Mapping[str, Any], classes: Sequence[str]) -> list[ClassRow]:
    """The rows of one probe's confusion matrix, in the order of classes."""
    return [
        ClassRow(
            name=name,
            counts=tuple(
                _count(name, other, numbers, place) for place, other in enumerate(classes)
            ),
            **found["classes"][name],
        )
        for name, numbers in zip(classes, found["confusion"], strict=True)
    ]


def largest_mistakes(
    found: Mapping[str, Any], classes: Sequence[str]
) -> list[tuple[str, int, int, int]]:
    """The most frequent mistakes: in words, how many, and the numbers of the classes."""
    cells = [
        (f"{classes[actual]} taken for {classes[said]}", number, actual, said)
        for actual, numbers in enumerate(found["confusion"])
        for said, number in enumerate(numbers)
        if number and actual != said
    ]
    return sorted(cells, key=lambda cell: -cell[1])[:_LARGEST]


def _count(name: str, other: str, numbers: Sequence[int], place: int) -> ConfusionCell:
    number, total = numbers[place], max(1, sum(numbers))
    words = f"{number} of {sum(numbers)} {name} taken for {other}"
    return ConfusionCell(number, round(number / total, 3), name == other, words)
