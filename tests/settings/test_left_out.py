"""What is left out because splits have no labels."""

import pytest

from twinview.core.errors import ConfigError
from twinview.settings import left_out

ALL = ["train", "validation", "test"]


def test_tasks_that_need_labels_are_left_out_with_the_splits_that_lack_them() -> None:
    found = left_out.tasks(["geometry", "classification"], ALL)
    reason = "it needs labels, and the train, validation and test splits have none"
    assert found == {"classification": reason}
    assert left_out.lines(found) == [f"classification is left out: {reason}"]


def test_one_split_without_labels_is_enough() -> None:
    found = left_out.tasks(["geometry", "few_labels"], ["test"])
    assert found == {"few_labels": "it needs labels, and the test split has none"}


def test_nothing_is_left_out_of_labelled_data() -> None:
    assert left_out.tasks(["classification"], []) == {}
    assert left_out.baselines(True, []) == {}


def test_the_supervised_baseline_is_left_out_if_it_is_asked_for() -> None:
    reason = "it learns from labels, and the train split has none"
    assert left_out.baselines(True, ["train"]) == {"supervised": reason}
    assert left_out.baselines(False, ALL) == {}


def test_where_no_task_is_left_those_that_need_no_labels_are_named() -> None:
    said = (
        r"evaluate.tasks is \[classification, few_labels\], of which each needs labels, and the "
        r"test split has none; name a task that needs none \(clusters, geometry, view_retrieval\), "
        r"or give the data"
    )
    with pytest.raises(ConfigError, match=said):
        left_out.tasks(["classification", "few_labels"], ["test"])
