"""Labels by folder: each outermost folder means what the layout says, and names are text."""

import unicodedata

import pytest

from twinview.core.errors import ConfigError, DataError
from twinview.data.labels import Labels, labels_by_folder, unlabel_small_classes


def test_the_outermost_folder_is_the_class_and_deeper_ones_mean_nothing() -> None:
    labels = labels_by_folder(["cat/a.jpg", "dog/x/y/b.jpg", "c.jpg"], "label")
    assert labels.labels == ("cat", "dog", None)
    assert labels.groups is None and labels.splits is None
    assert labels.notes == ("1 of 3 examples have no label",)


def test_a_single_example_of_a_small_class_is_one_example() -> None:
    labels = unlabel_small_classes(Labels(("cat", "cat", "dog")), 2)
    assert labels.notes == ("1 example of classes with fewer than 2 counts as unlabelled (dog)",)


def test_each_folder_of_the_path_means_what_the_layout_says() -> None:
    labels = labels_by_folder(["train/x/cat/p1/a", "test/y/dog/p2/b"], "split/*/label/group")
    assert labels.splits == ("train", "test")
    assert labels.labels == ("cat", "dog")
    assert labels.groups == ("p1", "p2")


def test_classes_are_those_of_all_splits() -> None:
    assert labels_by_folder(["train/b/1", "test/a/2"], "split/label").classes == ("a", "b")


def test_names_of_folders_stay_text() -> None:
    names = ("NA", "007", "true", "1e3", "null")
    assert labels_by_folder([f"{name}/a" for name in names], "label").labels == names


def test_composed_and_decomposed_names_are_one_class() -> None:
    paths = [f"{unicodedata.normalize(form, 'café')}/a" for form in ("NFC", "NFD")]
    assert len(labels_by_folder(paths, "label").classes) == 1


def test_classes_that_differ_in_case_are_named() -> None:
    notes = labels_by_folder(["Cat/a", "cat/b", "dog/c"], "label").notes
    assert notes == ("the classes 'Cat' and 'cat' differ in case only, and count as different",)


def test_a_folder_that_is_no_split_is_refused_unless_its_split_is_stated() -> None:
    paths = ["train/cat/a", "val/cat/b"]
    with pytest.raises(DataError, match=r"^val/cat/b has the split 'val', which is none of train,"):
        labels_by_folder(paths, "split/label")
    names = {"train": "train", "val": "validation"}
    assert labels_by_folder(paths, "split/label", names).splits == ("train", "validation")


@pytest.mark.parametrize("layout", ["", "*", "class", "label/label", "label/"])
def test_a_layout_that_makes_no_sense_is_refused(layout: str) -> None:
    with pytest.raises(ConfigError, match=f"is '{layout[:3]}"):
        labels_by_folder(["a/b"], layout)
