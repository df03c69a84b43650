"""Contact sheets of clusters: sizes, the usual class, and the pictures that the task named."""

import dataclasses
import re
from collections import Counter

import pytest
import torch

from tests.reporting.conftest import CLASSES, build
from tests.support.pages import Reader
from tests.support.unlabelled import without_labels
from twinview.core import entries
from twinview.core.types import NO_LABEL, Split
from twinview.reporting.cluster_sheets import Sheet, cluster_sheets
from twinview.reporting.data_found import file_names
from twinview.reporting.page import StageOutputs

OPTIONS = {"clusters": {"counts": [2]}}


def clustered(outputs: StageOutputs) -> StageOutputs:
    """The outputs when k-means found the first ten test pictures and the others."""
    rows = [{"clusters": str(int(number >= 10))} for number in range(len(outputs.predictions))]
    ids = outputs.prepared.splits["test"].ids.tolist()
    found = {"silhouette": 0.25, "validation_silhouette": 0.24, "chosen": {"clusters": 2}}
    found |= {"nearest": [[ids[3], ids[1]], ids[20:32]]}
    evaluation = dict(outputs.evaluation)
    declared = entries.declared({**OPTIONS})
    evaluation["entries"] = {**outputs.evaluation["entries"], **entries.to_json(declared)}
    evaluation["contenders"] = {
        name: {**of, "clusters": found} for name, of in outputs.evaluation["contenders"].items()
    }
    both = [{**old, **new} for old, new in zip(outputs.predictions, rows, strict=True)]
    return dataclasses.replace(outputs, evaluation=evaluation, predictions=both)


@pytest.fixture(scope="module")
def html(outputs: StageOutputs) -> str:
    return build(clustered(outputs))


def sheets_of(html: str) -> str:
    """The text of the section, in one line."""
    (section,) = re.findall(r'<section id="clusters">.*?</section>', html, re.DOTALL)
    return " ".join(" ".join(Reader(section).text).split())


def test_the_largest_cluster_comes_first_with_its_size_and_usual_class(
    html: str, outputs: StageOutputs
) -> None:
    labels = outputs.prepared.splits["test"].labels
    assert labels is not None
    (usual, count), *_ = Counter(labels[10:].tolist()).most_common()
    words = f"Cluster 1: 86 pictures mostly {CLASSES[usual]} ({100 * count / 86:.0f} %)"
    assert words in sheets_of(html)
    assert sheets_of(html).index("Cluster 1:") < sheets_of(html).index("Cluster 0: 10 pictures")
    assert "of the 96 test pictures" in sheets_of(html)


def test_the_pictures_are_those_nearest_to_the_centre_in_their_order(
    html: str, outputs: StageOutputs
) -> None:
    (section,) = re.findall(r'<section id="clusters">.*?</section>', html, re.DOTALL)
    titles = [of["title"] or "" for tag, of in Reader(section).tags if tag == "img"]
    ids = outputs.prepared.splits["test"].ids.tolist()
    id_of = {name: row_id for row_id, name in file_names(outputs.examples).items()}
    shown = [id_of[title.removeprefix("test ").partition(":")[0]] for title in titles]
    assert shown == [*ids[20:32], ids[3], ids[1]]


def test_a_cluster_without_test_pictures_is_counted_and_has_no_sheet(outputs: StageOutputs) -> None:
    both = clustered(outputs)
    for contender in both.evaluation["contenders"].values():
        contender["clusters"]["nearest"] = [*contender["clusters"]["nearest"][:2], []]
    text = sheets_of(build(both))
    assert "1 cluster has no test picture and no sheet." in text and "Cluster 2:" not in text


def test_every_tag_is_closed_and_the_link_leads_to_the_section(html: str) -> None:
    assert Reader(html).open == [] and 'href="#clusters"' in html


def test_a_page_without_clusters_has_no_word_of_them(outputs: StageOutputs) -> None:
    assert "#clusters" not in build(outputs) and "Cluster " not in build(outputs)


def test_without_labels_no_class_is_named(outputs: StageOutputs) -> None:
    both = clustered(outputs)
    evaluation = dict(both.evaluation)
    evaluation["entries"] = {"clusters": evaluation["entries"]["clusters"]}
    evaluation["contenders"] = {
        name: {"clusters": of["clusters"]} for name, of in evaluation["contenders"].items()
    }
    prepared = without_labels(outputs.prepared)
    bare = dataclasses.replace(both, evaluation=evaluation, prepared=prepared)
    text = sheets_of(build(bare))
    assert "Cluster 1: 86 pictures" in text and "mostly" not in text and "class" not in text


def sheet(labels: list[int] | None, assigned: list[int]) -> list[Sheet]:
    n = len(assigned)
    split = Split(
        torch.zeros(n, 1, 2, 2, dtype=torch.uint8),
        None if labels is None else torch.tensor(labels),
        torch.arange(n),
    )
    return cluster_sheets([[] for _ in range(3)], assigned, split, ("a", "b"))


def test_examples_without_a_label_have_no_say() -> None:
    labels = [NO_LABEL, NO_LABEL, NO_LABEL, 1, 1, 0, NO_LABEL]
    first, second, empty = sheet(labels, [0, 0, 0, 0, 0, 0, 2])
    assert (first.size, first.labelled, first.majority) == (6, 3, "b")
    assert first.share == pytest.approx(2 / 3)
    assert (second.number, second.size, second.labelled, second.majority) == (2, 1, 0, "")
    assert (empty.number, empty.size) == (1, 0)


def test_of_classes_that_are_equally_frequent_the_first_is_named() -> None:
    assert sheet([1, 0], [0, 0])[0].majority == "a"


def test_data_without_labels_have_sizes_alone() -> None:
    first, *_ = sheet(None, [1, 1, 0])
    assert (first.number, first.size, first.majority) == (1, 2, "")
