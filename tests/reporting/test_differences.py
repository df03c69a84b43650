"""The encoder beside each baseline, as signed numbers, and its charts by the number of labels."""

import dataclasses

import pytest

from tests.reporting.conftest import build
from twinview.core import entries
from twinview.core.entries import Entry
from twinview.reporting.differences import Difference, differences
from twinview.reporting.label_charts import label_charts
from twinview.reporting.page import StageOutputs

MEASURES = {"accuracy": "accuracy"}
LINEAR = Entry("classification", "linear probe", "accuracy", MEASURES)
RANK = Entry("geometry", "geometry", "rank", {"rank": "rank"}, is_share=False)


def few(count: int) -> Entry:
    return Entry("few_labels", f"{count} labels a class", "accuracy", MEASURES)


def test_differences_are_signed_points_and_marked_where_the_encoder_is_worse() -> None:
    contenders = {
        "encoder": {"linear": {"accuracy": 0.9}},
        "encoder_z": {"linear": {"accuracy": 0.8}},
        "raw_pixels": {"linear": {"accuracy": 0.8204}},
        "random_encoder": {"linear": {"accuracy": 0.9}},
        "supervised": {"linear": {"accuracy": 0.9123}},
    }
    found = differences(contenders, {"linear": LINEAR})
    assert found.columns == ("linear probe",) and found.ours == ("0.900",)
    assert found.rows == (
        ("raw pixels", (Difference("+8.0", worse=False),)),
        ("random encoder", (Difference("±0.0", worse=False),)),
        ("supervised", (Difference("−1.2", worse=True),)),
    )


def test_measures_that_are_no_shares_differ_in_their_own_units() -> None:
    ranks = {"encoder": {"geometry": {"rank": 20.0}}, "raw_pixels": {"geometry": {"rank": 22.5}}}
    (row,) = differences(ranks, {"geometry": RANK}).rows
    assert row == ("raw pixels", (Difference("−2.500", worse=True),))


def test_a_chart_of_labels_has_a_line_for_each_contender_and_a_logarithmic_axis() -> None:
    declared = {f"labels_{count}": few(count) for count in (10, 100, 1000)}
    contenders = {
        name: {entry: {"accuracy": base + step / 10} for step, entry in enumerate(declared)}
        for name, base in (("encoder", 0.7), ("raw_pixels", 0.6))
    }
    (chart,) = label_charts(contenders, declared | {"linear": LINEAR})
    assert chart.title == "Accuracy by labels a class"
    assert [(line.name, line.ours) for line in chart.lines] == [
        ("encoder", True), ("raw pixels", False)
    ]  # fmt: skip
    first, second, third = (dot.x for dot in chart.lines[0].dots)
    assert second - first == pytest.approx(third - second, abs=0.2)
    assert chart.lines[0].dots[1].label == "encoder, 100 labels a class: 0.800"
    # Upwards is better: y grows downwards.
    assert all(a.y < b.y for a, b in zip(chart.lines[0].dots, chart.lines[1].dots, strict=True))


def test_one_number_of_labels_gives_no_chart() -> None:
    found = {"encoder": {"labels_10": {"accuracy": 0.7}}}
    assert label_charts(found, {"labels_10": few(10)}) == []


def test_the_page_shows_what_is_worse_in_red_before_any_table(outputs: StageOutputs) -> None:
    evaluation = dict(outputs.evaluation)
    contenders = {name: dict(found) for name, found in evaluation["contenders"].items()}
    contenders["raw_pixels"]["knn"] = contenders["raw_pixels"]["knn"] | {"accuracy": 0.9}
    html = build(dataclasses.replace(outputs, evaluation=evaluation | {"contenders": contenders}))
    header = html[: html.index("</header>")]
    assert '<td class="worse">−13.5</td>' in header and 'class="query' in header
    assert entries.recorded(outputs.evaluation)["knn"].words in header
    assert "prepare 12 s, pretrain 4.0 min" in html
    assert "twinview seeds 3" in html[html.index('id="next"') :]
