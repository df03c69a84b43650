"""The page of data of which some examples have labels, and of divisions by groups."""

import dataclasses
import json
import re
from typing import Any

import pytest
import torch

from tests.reporting.conftest import CLASSES, POINTS, build
from tests.support.pages import Reader, points_of
from twinview.core import entries
from twinview.core.types import NO_LABEL
from twinview.reporting import results
from twinview.reporting.embedding_map import neighbour_rows
from twinview.reporting.page import StageOutputs

NOTE = "only some examples have a label (48 of 96 in test), and measures count these"
NO_CLASS = len(CLASSES)  # the number of the points without a label on the map


@pytest.fixture(scope="module")
def partly(outputs: StageOutputs) -> StageOutputs:
    """Every other example of all splits has a label."""
    parts = {}
    for name, part in outputs.prepared.splits.items():
        assert part.labels is not None
        labels = torch.where(torch.arange(len(part)) % 2 == 0, part.labels, NO_LABEL)
        parts[name] = dataclasses.replace(part, labels=labels)
    rows: list[dict[str, Any]] = [
        {**row, "actual": row["actual"] if place % 2 == 0 else ""}
        for place, row in enumerate(outputs.predictions)
    ]
    evaluation = json.loads(json.dumps(outputs.evaluation)) | {"notes": [NOTE]}
    for name in ("encoder", "raw_pixels"):
        linear = evaluation["contenders"][name]["linear"]
        linear["accuracy_over_groups"] = 0.614
        drawn = {"draws": [0.6, 0.625], "deviation": 0.0177, "interval": [0.451, 0.774]}
        linear["over_groups"] = {"accuracy": drawn}
    prepared = dataclasses.replace(outputs.prepared, splits=parts)
    return dataclasses.replace(outputs, prepared=prepared, predictions=rows, evaluation=evaluation)


@pytest.fixture(scope="module")
def html(partly: StageOutputs) -> str:
    return build(partly)


def test_notes_on_labels_stand_on_the_page(html: str) -> None:
    text = re.sub(r"\s+", " ", "".join(Reader(html).text))
    assert f"Note: {NOTE}." in text and "Accuracy on 48 labelled test examples: " in text


def test_points_without_a_label_are_a_class_of_the_map_without_right_or_wrong(html: str) -> None:
    points = points_of(html)
    bare = [point for point in points if point[2] == NO_CLASS]
    assert 0 < len(bare) < len(points) == POINTS
    assert all(point[3] is None for point in bare)
    assert all(point[3] is not None for point in points if point[2] < NO_CLASS)
    assert "no label</button>" in html


def test_an_example_without_a_label_is_no_mistake(partly: StageOutputs, html: str) -> None:
    match = re.search(r'id="mistaken">(.*?)</script>', html, re.DOTALL)
    assert match is not None
    names = json.loads(match[1])["names"]
    unlabelled = {f"{row['id']}.png" for row in partly.predictions if not row["actual"]}
    assert names and not unlabelled & set(names)


def test_neighbours_are_compared_where_both_have_a_label(partly: StageOutputs) -> None:
    parts = partly.prepared.splits
    queries = neighbour_rows(
        parts, partly.features, None, CLASSES, torch.arange(len(parts["test"])), 4
    )
    labels = {
        name: dict(zip(part.ids.tolist(), part.labels.tolist(), strict=True))
        for name, part in parts.items()
        if part.labels is not None
    }
    for query in queries:
        own = labels["test"][query.example.row_id]
        theirs = [labels["train"][near.example.row_id] for near in query.neighbours]
        known = [label for label in theirs if NO_LABEL not in (own, label)]
        assert query.comparable == len(known)
        assert query.agreeing == sum(label == own for label in known)
        assert (query.example.actual == "") == (own == NO_LABEL)


def test_rows_without_a_label_have_no_frame_and_no_share(html: str) -> None:
    shown = html.partition("<script")[0]
    assert '<span class="instead"></span>' not in shown and "0 of 0" not in shown
    assert ': "' not in shown, "nothing is named after a colon"


def test_divisions_by_groups_have_a_table_of_those_that_have_them(
    partly: StageOutputs, html: str, outputs: StageOutputs
) -> None:
    text = re.sub(r"\s+", " ", " ".join(Reader(html).text))
    assert "Divided anew by groups" in text and "were divided anew 2 times" in text
    assert html.count("0.614 ± 0.018") == 2
    assert html.count("0.451 to 0.774") == 2
    assert "Divided anew" not in build(outputs)
    ours = partly.evaluation["contenders"]["encoder"]["linear"]["accuracy"]
    rows = results.over_groups(partly.evaluation["contenders"], entries.recorded(partly.evaluation))
    assert [row[:4] for row in rows] == [
        (name, "linear probe", "accuracy", f"{value:.3f}")
        for name, value in (("encoder", ours), ("raw pixels", ours - 0.1))
    ]
