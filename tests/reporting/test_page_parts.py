"""What the page is made of, one piece at a time."""

import base64
import io
import itertools
import math
import sys
from dataclasses import asdict, fields
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from PIL import Image as Picture

from twinview.core.counts import format_duration
from twinview.core.entries import Entry
from twinview.core.types import Split
from twinview.evaluation.nearest import nearest
from twinview.experiments.lock_file import Out
from twinview.learning.collapse import Measures, Verdict, verdict
from twinview.reporting.charts import HEIGHT, WIDTH, line_chart, nice_ticks
from twinview.reporting.confusion import class_rows, largest_mistakes
from twinview.reporting.costs import costs, format_size
from twinview.reporting.curves import MONITORS, VERDICTS, _by_epoch, checks, describe_chance
from twinview.reporting.embedding_map import random_rows
from twinview.reporting.inline import data_uri, file_uri, sprite, thumbnails
from twinview.reporting.marks import mark
from twinview.reporting.mistakes import mistakes
from twinview.reporting.pictures import as_picture
from twinview.reporting.projection import projection
from twinview.reporting.results import table


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-2.1, -1.5), (4.1, 6.236), (1e-5, 2e-3)])
def test_ticks_are_few_even_and_enclose_the_range(low: float, high: float) -> None:
    ticks = nice_ticks(low, high)
    assert ticks[0] <= low and high <= ticks[-1]
    assert 2 <= len(ticks) <= 7
    assert np.diff(ticks) == pytest.approx(ticks[1] - ticks[0])


def test_ticks_of_steps_and_epochs_are_whole() -> None:
    assert nice_ticks(1, 2, min_step=1) == [1, 2]


def test_a_chart_stays_in_its_plane_with_its_reference() -> None:
    chart = line_chart("Loss", "", "step", [(1, 5.0), (2, 3.0), (3, 4.0)], (6.2, "chance"))
    assert [dot.x for dot in chart.dots] == sorted(dot.x for dot in chart.dots)
    assert chart.dots[0].y < chart.dots[2].y < chart.dots[1].y
    assert chart.reference is not None and 0 <= chart.reference.position < chart.dots[0].y
    assert all(0 <= dot.x <= WIDTH and 0 <= dot.y <= HEIGHT for dot in chart.dots)


def test_a_chart_of_one_point_or_of_equal_values_is_drawn() -> None:
    assert len(line_chart("", "", "epoch", [(1, 0.0)]).dots) == 1
    assert len(line_chart("", "", "epoch", [(1, 7.0), (2, 7.0)]).y_ticks) >= 2


def test_chance_has_its_formula_only_where_it_is_that_of_nt_xent() -> None:
    assert describe_chance(math.log(511), 256) == "chance: log(2n − 1) = 6.236"
    assert describe_chance(math.log(10), 256) == "chance: 2.303"


def test_every_verdict_and_monitor_has_words() -> None:
    assert set(VERDICTS) == set(get_args(Verdict))
    assert set(MONITORS) == {field.name for field in fields(Measures)} | {"validation_knn"}


def test_nearest_is_the_order_by_cosine_whatever_the_lengths() -> None:
    random = torch.Generator().manual_seed(0)
    queries = torch.randn(3, 5, generator=random)
    bank = torch.randn(20, 5, generator=random) * torch.rand(20, 1, generator=random)
    cosines, rows = nearest(queries, bank, 4)
    for query, found, scores in zip(queries, rows, cosines, strict=True):
        expected = torch.cosine_similarity(query[None], bank)
        assert found.tolist() == expected.argsort(descending=True)[:4].tolist()
        torch.testing.assert_close(scores, expected[found])


def test_the_projection_fills_a_unit_square_and_keeps_islands_apart() -> None:
    random = torch.Generator().manual_seed(0)
    centres = torch.eye(8)[:2].repeat_interleave(30, 0)
    places = projection(centres + 0.05 * torch.randn(60, 8, generator=random), seed=0)
    assert places.amin() == pytest.approx(0, abs=1e-6)
    assert places.amax() == pytest.approx(1, abs=1e-6)
    one, other = places[:30], places[30:]
    between = torch.cdist(one, other).min()
    assert between > torch.pdist(one).median() / 2
    assert torch.cdist(one, one.mean(0)[None]).max() < torch.cdist(other, one.mean(0)[None]).min()


def test_a_map_of_one_feature_is_drawn_too() -> None:
    places = projection(torch.linspace(-1, 1, 10)[:, None], seed=0)
    assert places.shape == (10, 2) and places.isfinite().all()


def test_the_map_moves_a_bar_to_its_last_iteration_and_prints_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    written = io.StringIO()
    monkeypatch.setattr(written, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stderr", written)
    projection(torch.randn(12, 4, generator=torch.Generator().manual_seed(0)), seed=0)
    assert "map: 100%" in written.getvalue() and "1000/1000" in written.getvalue()
    assert capsys.readouterr().out == ""


def test_a_sprite_has_its_pictures_row_by_row() -> None:
    images = torch.arange(5, dtype=torch.uint8)[:, None, None, None].expand(5, 3, 2, 4)
    pixels = np.asarray(sprite(images, columns=3))
    assert pixels.shape == (4, 12, 3)
    assert pixels[::2, ::4, 0].tolist() == [[0, 1, 2], [3, 4, 0]]


def test_large_pictures_shrink_and_small_ones_stay() -> None:
    small = torch.randint(0, 256, (2, 1, 28, 28)).to(torch.uint8)
    assert thumbnails(small) is small
    assert thumbnails(torch.full((1, 3, 64, 96), 9, dtype=torch.uint8)).shape == (1, 3, 21, 32)


def test_fifty_classes_have_fifty_marks() -> None:
    assert len({mark(number) for number in range(50)}) == 50


def test_rows_are_drawn_without_repeats_and_by_seed() -> None:
    rows = random_rows(0, "map", 10, 30)
    assert len(set(rows.tolist())) == 10
    assert (
        rows.tolist()
        == random_rows(0, "map", 10, 30).tolist()
        != random_rows(1, "map", 10, 30).tolist()
    )
    assert random_rows(0, "map", 10, 4).tolist() == [0, 1, 2, 3]


def test_shades_are_shares_of_the_true_class() -> None:
    scores = {"precision": 1.0, "recall": 0.75, "f1": 0.8}
    found = {"confusion": [[3, 1], [0, 0]], "classes": {"a": scores, "b": scores}}
    first, second = class_rows(found, ["a", "b"])
    assert [count.share for count in first.counts] == [0.75, 0.25]
    assert first.counts[1].label == "1 of 4 a taken for b"
    assert [count.share for count in second.counts] == [0, 0], "a class without examples"


@pytest.mark.parametrize("supervised", [False, True])
def test_the_verdict_is_healthy_where_all_its_checks_hold(supervised: bool) -> None:
    seen = set()
    for spread, rank, loss in itertools.product((0.009, 0.01), (1.9, 2.0), (2.6, 2.7, 2.8)):
        last = Measures(spread, rank, alignment=0.1, uniformity=-2.0)
        said = verdict(last, loss, chance=3.0, supervised=supervised)
        rows = checks({**asdict(last), "verdict": said, "loss": loss, "chance": 3.0})
        broken = [row.else_verdict for row in rows if not row.holds]
        assert said == min(broken, default="healthy"), "collapsed goes before slow"
        seen.add(said)
    assert seen == set(get_args(Verdict))


def test_a_chart_tells_of_more_points_than_it_dots() -> None:
    chart = line_chart("Loss", "", "step", [(n, float(n)) for n in range(100)])
    assert chart.dots == ()
    assert [label for *_, label in chart.script_points][::99] == ["step 0: 0", "step 99: 99"]


def test_validation_knn_is_a_curve_where_it_was_measured() -> None:
    row = dict.fromkeys(MONITORS, "0.5") | {"epoch": "1"}
    assert "Validation kNN" in [chart.title for chart in _by_epoch([row])]
    del row["validation_knn"]
    assert len(_by_epoch([row])) == len(MONITORS) - 1


def test_the_largest_confusions_come_first_and_right_ones_not() -> None:
    found = {"confusion": [[9, 1, 0], [3, 9, 0], [0, 2, 9]]}
    words, numbers, *_ = zip(*largest_mistakes(found, ["a", "b", "c"]), strict=True)
    assert words == ("b taken for a", "c taken for b", "a taken for b")
    assert numbers == (3, 2, 1)


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (13_524, "13.5 kB"),
        (999_600, "1 MB"),
        (1_962_242_720, "1.96 GB"),
    ],
)
def test_sizes_are_said_in_three_digits(size: int, words: str) -> None:
    assert format_size(size) == words


def test_times_are_said_in_the_unit_that_fits() -> None:
    said = [format_duration(seconds) for seconds in (6.1, 510.9, 11_520)]
    assert said == ["6 s", "8.5 min", "3.2 h"]


def test_costs_count_every_out_the_largest_first() -> None:
    outs = [
        Out("a", name, size, 2, "") for name, size in (("s", 10), ("m", 10**6), ("l", 4 * 10**6))
    ]
    told = costs({"seconds": 90, "examples_per_second": 1234}, outs, {"embed": 61.0})
    assert told["stage_minutes"] == {"embed": "1.0 min"}
    assert [(one.out.path, one.share) for one in told["disk_usage"]] == [("l", 1.0), ("m", 0.25)]
    assert (told["smaller"], told["smaller_words"]) == ([outs[0]], "10 B")
    assert told["disk"] == "5 MB"


def test_the_best_of_a_column_is_marked_where_a_larger_number_is_better() -> None:
    entry = {"task": "t", "primary": "m", "measures": {"m": "m"}}
    declared = {
        "share": Entry(**entry, words="a share"),
        "rank": Entry(**entry, words="a rank", is_share=False),
    }
    low, high = ({"share": {"m": m}, "rank": {"m": m}} for m in (0.5, 0.7))
    told = table({"encoder": high, "raw_pixels": low}, declared)
    assert [[cell.best for cell in row.cells] for row in told.rows] == [[True, False], [False] * 2]
    assert told.describing == ("a rank",)
    alone = {"rank": declared["rank"]}
    assert table({"encoder": high, "raw_pixels": low}, alone).rows[0].cells[0].best


def test_mistakes_are_those_of_their_cell_and_in_their_place() -> None:
    inputs = torch.arange(6, dtype=torch.uint8)[:, None, None, None].expand(6, 1, 4, 4) * 40
    test = Split(inputs, None, torch.arange(100, 106))
    truth, said = [0, 0, 1, 1, 0, 1], {"linear": [0, 1, 1, 0, 1, 1], "knn": [0, 0, 1, 0, 0, 0]}
    data, picture = mistakes(test, truth, said, "abcdef")
    names = {c: [data["names"][place] for place in own] for c, own in data["cells"].items()}
    expected = {"linear/0/1": ["b", "e"], "linear/1/0": ["d"], "knn/1/0": ["d", "f"]}
    assert names == expected
    pixels = np.asarray(_opened(picture))
    for place, name in enumerate(data["names"]):
        assert pixels[0, place * data["width"]] == "abcdef".index(name) * 40


def test_mistakes_of_many_classes_show_some_of_every_cell_and_stay_few() -> None:
    truth = torch.arange(60).repeat_interleave(59).tolist()
    said = [other for actual in range(60) for other in range(60) if other != actual]
    test = Split(
        torch.zeros(len(truth), 1, 2, 2, dtype=torch.uint8), None, torch.arange(len(truth))
    )
    data, _ = mistakes(test, truth * 1, {"linear": said}, [""] * len(truth))
    assert len(data["names"]) == 1500 < len(truth)
    assert sum(map(len, data["cells"].values())) == 1500


def test_a_probe_without_mistakes_has_none_to_show() -> None:
    test = Split(torch.zeros(2, 1, 2, 2, dtype=torch.uint8), None, torch.arange(2))
    assert mistakes(test, [0, 1], {"linear": [0, 1]}, "ab")[0]["cells"] == {}


def test_grey_pictures_are_kept_to_the_bit_and_coloured_ones_nearly() -> None:
    random = torch.Generator().manual_seed(0)
    coarse = torch.randint(0, 256, (3, 4, 4), generator=random, dtype=torch.uint8)
    image = coarse.repeat_interleave(8, 1).repeat_interleave(8, 2)
    for part, worst in ((image[:1], 0), (image, 20)):
        seen = np.asarray(_opened(data_uri(as_picture(part))), dtype=float)
        meant = np.asarray(as_picture(part), dtype=float)
        assert np.abs(seen - meant).mean() <= worst


def test_pages_of_coloured_noise_stay_below_ten_megabytes() -> None:
    random = torch.Generator().manual_seed(0)
    noise = torch.randint(0, 256, (500, 3, 32, 32), generator=random, dtype=torch.uint8)
    # 2,000 on the map, 1,500 mistakes, 2 * 24 * 9 beside each other: the settings' own numbers.
    assert len(data_uri(sprite(noise, 50))) / 500 * 3932 < 10e6


def test_a_wide_picture_shrinks(tmp_path: Path) -> None:
    Picture.new("L", (4000, 1000)).save(tmp_path / "views.png")
    assert _opened(file_uri(tmp_path / "views.png")).size == (1600, 400)


def _opened(uri: str) -> Picture.Image:
    return Picture.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))
