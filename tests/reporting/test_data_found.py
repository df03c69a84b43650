"""The page says what was found in the data, what is left out and why, and shows copies."""

import dataclasses

import pyarrow as pa
import pytest
import torch

from tests.reporting.conftest import build
from tests.support.pages import Reader
from twinview.core.types import Embeddings, Split
from twinview.data.examples import SCHEMA, USED
from twinview.reporting.closest_pairs import closest_pairs
from twinview.reporting.data_card import describe_examples
from twinview.reporting.data_found import data_found, file_names
from twinview.reporting.page import StageOutputs


@pytest.fixture(scope="module")
def text(html: str) -> str:
    return " ".join(" ".join(Reader(html).text).split())


def test_the_page_counts_kinds_sizes_labels_and_splits(text: str) -> None:
    assert "248 examples in shapes: 241 PNG" in text
    assert "240: train 96, validation 48, test 96" in text
    assert "smallest 40 × 30, median 44 × 30, largest 48 × 30 pixels as found" in text
    assert "12 × 12 grey as used" in text
    assert "240 of the used examples have one; 3 classes, each with 80 examples" in text


def test_the_page_says_the_least_and_the_most_examples_of_a_class(outputs: StageOutputs) -> None:
    fewer = dataclasses.replace(outputs, examples=outputs.examples.slice(1))
    text = " ".join(" ".join(Reader(build(fewer)).text).split())
    assert "239 of the used examples have one; 3 classes, from 79 to 80 examples" in text


def test_the_page_names_the_first_left_out_of_each_reason_as_text(html: str, text: str) -> None:
    assert "8 of 248 examples are left out" in text
    assert "broken JPEG 7 <i>0.jpg (at 0), <i>1.jpg (at 1)" in text
    assert "<i>4.jpg (at 4) and 2 more" in text and "<i>5.jpg" not in text
    assert "exact copy of another example 1 copy of 1.png" in text
    assert "<i>" not in html
    assert "the class '<b>' lies in one group only" in text


def test_clusters_are_counted_by_kind_of_copy_and_by_split(text: str) -> None:
    assert "exact copies 1 1 0 0 near copies 1 2 1" in text


def test_a_cluster_shows_its_first_example_then_its_copies(outputs: StageOutputs) -> None:
    (cluster,) = data_found(outputs.examples, outputs.prepared.splits)["clusters"]
    train, test = (outputs.prepared.splits[name].ids.tolist() for name in ("train", "test"))
    names = [f"shapes/{train[1]}.png", "copy of 1.png", f"shapes/{test[5]}.png"]
    assert cluster.members[0].origin == names[0]
    assert sorted(member.origin for member in cluster.members) == sorted(names)
    shown = {member.place: bool(member.picture) for member in cluster.members}
    assert shown == {"train": True, "test": True, "left out": False}


def test_data_without_copies_and_losses_say_so(outputs: StageOutputs) -> None:
    examples = outputs.examples.filter(
        [of == USED for of in outputs.examples["status"].to_pylist()]
    )
    nearest = examples.schema.get_field_index("near_of")
    examples = examples.set_column(nearest, "near_of", [[None] * len(examples)])
    html = build(
        dataclasses.replace(
            outputs,
            examples=examples.cast(outputs.examples.schema),
            card={"source": "shapes", "notes": []},
        )
    )
    assert "No example is left out." in html
    assert "No two examples have the same pixels" in html


def test_the_card_counts_what_is_left_out(outputs: StageOutputs) -> None:
    card = describe_examples(outputs.examples.to_pydict(), ("a note",))
    reasons = {"broken JPEG": 7, "exact copy of another example": 1}
    assert card == {"examples": 248, "left_out": reasons, "notes": ["a note"]}


def test_the_closest_pairs_are_the_test_examples_nearest_to_train() -> None:
    random = torch.Generator().manual_seed(0)
    train, test = torch.rand(300, 64, generator=random), torch.rand(90, 64, generator=random)
    spread = 0.9 ** torch.arange(64)  # features have a few strong directions
    train, test = train * spread, test * spread
    test[[3, 50]] = train[[7, 200]] * 3
    test[4] = train[8] + 0.05 * spread * torch.rand(64, generator=random)
    features = {
        name: Embeddings(x, None, torch.arange(len(x)))
        for name, x in (("train", train), ("test", test))
    }
    found = closest_pairs(features, 10)
    cosines = torch.nn.functional.cosine_similarity(test[:, None], train[None], dim=2)
    best = cosines.max(dim=1).values.topk(10)
    assert [(pair.test, pair.train) for pair in found][:3] in (
        [(3, 7), (50, 200), (4, 8)],
        [(50, 200), (3, 7), (4, 8)],
    )
    assert [pair.cosine for pair in found] == pytest.approx(best.values.tolist(), abs=1e-5)


def test_examples_are_called_by_their_files_where_they_come_from_files() -> None:
    columns = {
        "id": [1, 2],
        "origin": ["a/b.png", "shapes[2]"],
        "kind": ["PNG", None],
        "status": ["left_out", "left_out"],
        "reason": ["broken", "broken"],
    }
    filled = {field.name: columns.get(field.name, [None, None]) for field in SCHEMA}
    assert file_names(pa.table(filled, schema=SCHEMA)) == {1: "b.png"}


def test_a_copy_of_the_example_0_counts_as_one() -> None:
    columns = {
        "id": [0, 1], "origin": ["a", "b"], "split": ["train"] * 2, "status": [USED] * 2,
        "near_of": [None, 0],
    }  # fmt: skip
    table = pa.table({f.name: columns.get(f.name, [None, None]) for f in SCHEMA}, schema=SCHEMA)
    train = Split(torch.zeros(2, 1, 8, 8, dtype=torch.uint8), None, torch.arange(2))
    assert data_found(table, {"train": train})["near"]["clusters"] == 1
