"""What is said of missing labels."""

from dataclasses import replace

import torch

from tests.support.evaluated import CLASSES, features
from twinview.core.types import NO_LABEL
from twinview.evaluation.label_notes import label_notes


def test_nothing_is_said_of_labelled_data_with_all_classes_nor_of_unlabelled_data() -> None:
    assert label_notes(features(), CLASSES) == []
    parts = features()
    parts["test"] = replace(parts["test"], labels=None)
    assert label_notes(parts, CLASSES) == []


def test_a_class_that_test_or_the_probes_lack_is_named() -> None:
    parts = features()
    parts["test"] = replace(parts["test"], labels=torch.arange(45) % 2)
    for name in ("train", "validation"):
        labels = parts[name].required_labels()
        parts[name] = replace(parts[name], labels=labels.where(labels != 1, 2))
    assert label_notes(parts, CLASSES) == [
        "the class 'c' has no labelled example in test, so precision, recall and F1 count as 0",
        "the class 'b' has no labelled example in train and validation, so no probe can predict it",
    ]


def test_many_classes_are_counted_after_the_first() -> None:
    parts, classes = features(), tuple("abcdefghijkl")
    notes = label_notes(parts, classes)
    assert len(notes) == 12 and "4 more classes have none in test" in notes
    assert "1 more class has none in test" in label_notes(parts, classes[:-3])


def test_rows_without_a_label_are_counted() -> None:
    parts = features()
    labels = parts["train"].required_labels().clone()
    labels[:12] = NO_LABEL
    parts["train"] = replace(parts["train"], labels=labels)
    assert label_notes(parts, CLASSES) == [
        "only some examples have a label (48 of 60 in train, 30 of 30 in validation, 45 of 45 in "
        "test), and measures count these"
    ]
