"""Texts as a modality: views are companions, and what a layer gives an encoder."""

from pathlib import Path

import pytest
import torch

from twinview.core.types import Split, Vocabulary
from twinview.modalities.text import text
from twinview.views.cache import open_views, write_cache
from twinview.views.live import LiveViews
from twinview.views.plan import ViewPlan

STORED = torch.tensor(
    [[[5, 6, 0, 0], [0, 0, 0, 0], [7, 0, 0, 0]], [[0] * 4, [8, 9, 0, 0], [0] * 4], [[0] * 4] * 3],
    dtype=torch.int32,
)


def test_views_in_a_row_show_different_companions_where_there_are_two() -> None:
    views = [text().view(STORED, torch.full((3,), number)) for number in range(4)]
    assert [view.shape for view in views] == [(3, 1, 4)] * 4
    assert [int(view[0, 0, 0]) for view in views] == [5, 7, 5, 7]
    assert [int(view[1, 0, 0]) for view in views] == [8, 8, 8, 8]
    assert not any(view[2].any() for view in views)


@pytest.mark.parametrize(
    ("joined", "expected"),
    [(False, [[5, 6], [8, 9], [0, 0]]), (True, [[5, 6, 7], [8, 9, 0], [0] * 3])],
)
def test_an_encoder_gets_the_text_without_columns_of_no_token(
    joined: bool, expected: list[list[int]]
) -> None:
    vocabulary = Vocabulary(10, "", joined)
    tokens = text().standardise(vocabulary)(STORED)
    assert tokens.dtype == torch.int64 and tokens.tolist() == expected
    assert text().encoder_shape((3, 4), vocabulary) == (12 if joined else 4, 10)


def test_examples_in_words_have_their_companions_in_order() -> None:
    assert text().words(STORED, Vocabulary(10, "", joined=True)) == ["5 6 · 7", "8 9", ""]


def test_cached_views_are_those_that_are_rendered_live(tmp_path: Path) -> None:
    split = Split(STORED[:2], None, torch.tensor([3, 9]))
    plan = ViewPlan(0, (("word_deletion", 1.0, {"share": 0.5}),))
    for _ in write_cache(tmp_path / "views", split, plan, text(), 4, 2**20):
        pass
    rows = torch.tensor([1, 0])
    cached = open_views(tmp_path / "views", split, text()).take(rows, 0, 4)
    live = LiveViews(plan.renderer(text()), split).take(rows, 0, 4)
    assert cached.shape == live.shape == (4, 2, 1, 4)
    assert sorted(cached[:, 0].tolist()) == sorted(live[:, 0].tolist())
