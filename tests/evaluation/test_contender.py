"""What tasks get of partly labelled features, and the rows of predictions.csv."""

from dataclasses import replace

import torch

from tests.support.evaluated import CLASSES, contender, features
from twinview.core.types import NO_LABEL, Embeddings
from twinview.data import splits
from twinview.evaluation.contender import Result, predictions


def partly(part: Embeddings) -> Embeddings:
    labels = part.required_labels().clone()
    labels[1::2] = NO_LABEL
    return replace(part, labels=labels)


def test_labelled_rows_keep_their_order_and_features() -> None:
    parts = {name: partly(part) for name, part in features().items()}
    found = contender(parts).labelled
    assert found["test"].ids.tolist() == list(range(2000, 2045, 2))
    assert torch.equal(found["test"].features, parts["test"].features[::2])
    assert len(contender(parts).parts["test"]) == 45


def test_where_all_rows_have_labels_the_same_object_is_given_so_that_fits_are_kept() -> None:
    parts = features()
    assert all(contender(parts).labelled[name] is part for name, part in parts.items())


def test_a_split_in_which_no_row_has_a_label_is_unlabelled() -> None:
    parts = features()
    parts["train"] = replace(parts["train"], labels=None)
    parts["test"] = replace(parts["test"], labels=torch.full((45,), NO_LABEL))
    parts["validation"] = partly(parts["validation"])
    assert splits.unlabelled(parts) == ["train", "test"]


def test_a_row_without_a_label_has_predictions_and_an_empty_class() -> None:
    test = partly(features()["test"]).take(torch.arange(3))
    found = {"knn": Result({}, predicted=torch.tensor([0, 2, 2])), "labels_5": Result({})}
    assert predictions(found, test, CLASSES) == [
        {"id": 2000, "actual": "a", "knn": "a"},
        {"id": 2001, "actual": "", "knn": "c"},
        {"id": 2002, "actual": "c", "knn": "c"},
    ]
