"""The data card counts what is there, and finds what occurs twice; the sheet shows every class."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from tests.support.shapes import CLASSES, SIZE
from twinview.core import declare, registry
from twinview.data.splits import Prepared
from twinview.pictures.duplicates import exact_clusters
from twinview.reporting.data_card import (
    MOST_CLASSES,
    ROW,
    UNLABELLED_ROWS,
    called_by,
    contact_sheet,
    data_card,
    describe_sheet,
    duplicates,
)


def with_copies(shapes: Prepared) -> Prepared:
    """Train's row 5 is a copy of its row 2, test's row 7 one of validation's row 3."""
    splits = dict(shapes.splits)
    for name, row, of, origin in (("train", 5, "train", 2), ("test", 7, "validation", 3)):
        inputs = splits[name].inputs.clone()
        inputs[row] = splits[of].inputs[origin]
        splits[name] = replace(splits[name], inputs=inputs)
    return replace(shapes, splits=splits)


def table(prepared: Prepared) -> dict[str, list[Any]]:
    """The columns of the table of examples that tell of exact copies."""
    ids = [row_id for split in prepared.splits.values() for row_id in split.ids.tolist()]
    rows = torch.cat([split.inputs for split in prepared.splits.values()]).numpy()
    first = exact_clusters(rows).tolist()
    return {
        "id": ids,
        "split": [name for name, split in prepared.splits.items() for _ in range(len(split))],
        "copy_of": [None if of == row else ids[of] for row, of in enumerate(first)],
    }


def test_inputs_that_differ_in_a_byte_are_no_duplicates(shapes: Prepared) -> None:
    inputs = shapes.splits["train"].inputs.clone()
    inputs[5] = inputs[2]
    inputs[5, 0, 0, 0] ^= 1
    train = replace(shapes.splits["train"], inputs=inputs)
    found = duplicates(table(replace(shapes, splits=shapes.splits | {"train": train})))
    assert found == {"groups": 0, "groups_across_splits": 0, "examples": []}


def test_duplicates_are_named_by_split_and_id(shapes: Prepared) -> None:
    found = duplicates(table(with_copies(shapes)))
    assert (found["groups"], found["groups_across_splits"]) == (2, 1)
    ids = {name: split.ids.tolist() for name, split in shapes.splits.items()}
    expected = [
        [f"train:{ids['train'][2]}", f"train:{ids['train'][5]}"],
        [f"validation:{ids['validation'][3]}", f"test:{ids['test'][7]}"],
    ]
    assert sorted(found["examples"]) == sorted(expected)


def test_the_card_counts_every_class_of_every_split(shapes: Prepared) -> None:
    card = data_card(shapes, "a folder")
    assert card["source"] == "a folder" and card["shape"] == [1, SIZE, SIZE]
    for name, split in shapes.splits.items():
        assert split.labels is not None
        counts = {label: int((split.labels == i).sum()) for i, label in enumerate(CLASSES)}
        assert card["splits"][name] == {"examples": len(split), "classes": counts}
    assert card["statistics"] == {"mean": shapes.statistics.mean, "std": shapes.statistics.std}


def test_unlabelled_data_is_counted_in_all(shapes: Prepared) -> None:
    train = replace(shapes.splits["train"], labels=None)
    bare = replace(shapes, splits=shapes.splits | {"train": train})
    assert data_card(bare, "")["splits"]["train"] == {"examples": len(train)}
    assert contact_sheet(bare).height == UNLABELLED_ROWS * contact_sheet(shapes).height // len(
        CLASSES
    )


@pytest.mark.parametrize(
    ("source", "options", "words"),
    [
        ("folder", {"path": "data/my pets/"}, "folder my pets"),
        ("folder", {"path": "/big/disk/birds"}, "folder birds"),
        ("arrays", {"file": "data/pictures.npz"}, "arrays pictures.npz"),
        ("torchvision", {"name": "CIFAR10"}, "torchvision CIFAR10"),
        ("clipart", {"folder": "data/raw/clipart"}, "clipart"),
    ],
)
def test_data_are_called_by_what_the_source_reads(
    source: str, options: dict[str, str], words: str
) -> None:
    declared = registry.declaration("sources", source)
    assert isinstance(declared, declare.Source)
    assert called_by(declared, source, options) == words


def test_the_sheet_has_a_row_of_each_class(shapes: Prepared) -> None:
    train = shapes.splits["train"]
    assert train.labels is not None
    seen = np.asarray(contact_sheet(shapes))[::2, ::2]  # it is drawn at twice the size
    high = seen.shape[0] // len(CLASSES)
    for label in range(len(CLASSES)):
        first = train.inputs[(train.labels == label).nonzero()[0, 0], 0].numpy()
        assert np.array_equal(seen[label * high : label * high + SIZE, :SIZE], first)


def test_a_small_class_leaves_its_row_blank_and_the_others_wide(shapes: Prepared) -> None:
    train = shapes.splits["train"]
    assert train.labels is not None
    first = (train.labels == 0).nonzero().squeeze(1)
    few = train.take(torch.cat([first[:2], (train.labels != 0).nonzero().squeeze(1)]))
    whole = contact_sheet(shapes)
    sheet = contact_sheet(replace(shapes, splits=shapes.splits | {"train": few}))
    assert sheet.size == whole.size
    seen, width = np.asarray(sheet)[::2, ::2], whole.width // 2 // ROW
    blank = seen[:SIZE, 2 * width :]
    assert (blank == 255).all()
    assert np.array_equal(seen[SIZE + 2 :], np.asarray(whole)[::2, ::2][SIZE + 2 :])


def test_of_many_classes_the_first_are_shown_and_the_rest_are_counted(shapes: Prepared) -> None:
    train = shapes.splits["train"]
    many = replace(train, labels=torch.arange(len(train)) % (MOST_CLASSES + 7))
    prepared = replace(shapes, splits=shapes.splits | {"train": many})
    row = contact_sheet(shapes).height // len(CLASSES)
    assert contact_sheet(prepared).height == MOST_CLASSES * row
    assert describe_sheet(shapes) == ()
    assert describe_sheet(prepared) == (
        f"reports/data/contact_sheet.png shows the first {MOST_CLASSES} of {MOST_CLASSES + 7} "
        "classes of train",
    )
