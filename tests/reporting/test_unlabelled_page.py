"""The page of data without labels: the map and the neighbours are there, and no class is."""

import dataclasses
import re
from typing import Any

import pytest

from tests.reporting.conftest import POINTS, build
from tests.support.pages import Reader, points_of, section
from tests.support.unlabelled import without_labels
from twinview.core import entries
from twinview.reporting.page import StageOutputs

REASON = "it needs labels, and the train, validation and test splits have none"
OPTIONS = {"geometry": {"examples": 20}, "clusters": {"counts": [2]}}


@pytest.fixture(scope="module")
def bare(outputs: StageOutputs) -> StageOutputs:
    rank: dict[str, Any] = {"effective_rank": 12.5, "negative_uniformity": 2.5}
    rank |= {"validation_effective_rank": 12.0}
    groups = {"silhouette": 0.25, "validation_silhouette": 0.24, "chosen": {"clusters": 2}}
    ours = {"geometry": rank, "clusters": groups}
    worse = {"geometry": rank | {"effective_rank": 2.5}, "clusters": groups}
    evaluation = {
        "protocol": "frozen-4",
        "classes": [],
        "entries": entries.to_json(entries.declared(OPTIONS)),
        "contenders": {"encoder": ours, "raw_pixels": worse},
        "left_out": {"classification": REASON},
    }
    rows = [{"id": row["id"]} for row in outputs.predictions]
    prepared = without_labels(outputs.prepared)
    return dataclasses.replace(outputs, evaluation=evaluation, predictions=rows, prepared=prepared)


@pytest.fixture(scope="module")
def html(bare: StageOutputs) -> str:
    return build(bare)


def test_what_was_left_out_stands_on_the_page_with_the_reason(html: str) -> None:
    text = re.sub(r"\s+", " ", "".join(Reader(html).text))
    assert f"Left out: classification, since {REASON}." in text


def test_results_are_those_that_need_no_labels(html: str) -> None:
    assert "Effective rank or" not in html
    assert "Effective rank on 96 test examples: geometry of up to 20 examples 12.500" in html
    assert "better in 1 of 2 tasks (geometry of up to 20 examples by 10.000)" in html
    assert "clusters 2" in html, "chosen on validation"


def test_the_map_has_its_points_of_one_kind(html: str) -> None:
    points = points_of(html)
    assert len(points) == POINTS and {tuple(point[2:4]) for point in points} == {(0, None)}
    assert '"classes": ["no label"]' in html


def test_neighbours_are_shown_without_a_word_of_classes(html: str) -> None:
    shown = html.partition("<script")[0]
    assert (
        section(html, "neighbours").count('class="query') == 5 and "5 at random</summary>" in shown
    )
    assert "of the same class" not in shown and "of another class" not in shown
    assert "The data have no labels, so there are no classes." in shown
    assert "no labels</dd>" in shown and 'class="differs"' not in shown


def test_labels_of_some_splits_only_are_not_shown(
    bare: StageOutputs, outputs: StageOutputs
) -> None:
    parts = dict(bare.prepared.splits) | {"test": outputs.prepared.splits["test"]}
    prepared = dataclasses.replace(bare.prepared, splits=parts)
    assert build(dataclasses.replace(bare, prepared=prepared)) == build(bare)


def test_labelled_data_have_no_word_of_what_was_left_out(outputs: StageOutputs) -> None:
    assert "Left out" not in build(outputs)
