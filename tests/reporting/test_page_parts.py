"""What the page is made of, one piece at a time."""

import io
import math
import sys
from dataclasses import fields
from typing import get_args

import numpy as np
import pytest
import torch

from twinview.monitors import Monitors, Verdict
from twinview.reporting.charts import HEIGHT, WIDTH, line_chart, nice_ticks
from twinview.reporting.confusion import class_rows
from twinview.reporting.curves import MONITORS, VERDICTS, chance_words
from twinview.reporting.embedding_map import drawn
from twinview.reporting.inline import sprite, thumbnails
from twinview.reporting.marks import mark
from twinview.reporting.neighbours import nearest
from twinview.reporting.projection import projection


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-2.1, -1.5), (4.1, 6.236), (1e-5, 2e-3)])
def test_ticks_are_few_even_and_enclose_the_range(low: float, high: float) -> None:
    ticks = nice_ticks(low, high)
    assert ticks[0] <= low and high <= ticks[-1]
    assert 2 <= len(ticks) <= 7
    assert np.diff(ticks) == pytest.approx(ticks[1] - ticks[0])


def test_ticks_of_steps_and_epochs_are_whole() -> None:
    assert nice_ticks(1, 2, least=1) == [1, 2]


def test_a_chart_stays_in_its_plane_with_its_reference() -> None:
    chart = line_chart("Loss", "", "step", [(1, 5.0), (2, 3.0), (3, 4.0)], (6.2, "chance"))
    assert [dot.x for dot in chart.dots] == sorted(dot.x for dot in chart.dots)
    assert chart.dots[0].y < chart.dots[2].y < chart.dots[1].y
    assert chart.reference is not None and 0 <= chart.reference.at < chart.dots[0].y
    assert all(0 <= dot.x <= WIDTH and 0 <= dot.y <= HEIGHT for dot in chart.dots)


def test_a_chart_of_one_point_or_of_equal_values_is_drawn() -> None:
    assert len(line_chart("", "", "epoch", [(1, 0.0)]).dots) == 1
    assert len(line_chart("", "", "epoch", [(1, 7.0), (2, 7.0)]).y_ticks) >= 2


def test_chance_has_its_formula_only_where_it_is_that_of_nt_xent() -> None:
    assert chance_words(math.log(511), 256) == "chance: log(2n − 1) = 6.236"
    assert chance_words(math.log(10), 256) == "chance: 2.303"


def test_every_verdict_and_monitor_has_words() -> None:
    assert set(VERDICTS) == set(get_args(Verdict))
    assert set(MONITORS) == {field.name for field in fields(Monitors)}


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
    rows = drawn(0, "map", 10, 30)
    assert len(set(rows.tolist())) == 10
    assert rows.tolist() == drawn(0, "map", 10, 30).tolist() != drawn(1, "map", 10, 30).tolist()
    assert drawn(0, "map", 10, 4).tolist() == [0, 1, 2, 3]


def test_shades_are_shares_of_the_true_class() -> None:
    scores = {"precision": 1.0, "recall": 0.75, "f1": 0.8}
    found = {"confusion": [[3, 1], [0, 0]], "classes": {"a": scores, "b": scores}}
    first, second = class_rows(found, ["a", "b"])
    assert [count.share for count in first.counts] == [0.75, 0.25]
    assert first.counts[1].words == "1 of 4 a taken for b"
    assert [count.share for count in second.counts] == [0, 0], "a class without examples"
