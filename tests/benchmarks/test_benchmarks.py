"""What is made of benchmarks' results: docs/benchmarks.md and entries of the scoreboard."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import __main__ as bench
from benchmarks.common import spread
from tests.support.workspace import ROOT
from twinview.core.errors import ConfigError
from twinview.evidence.scoreboard import SCOREBOARD, keep, score

ABOUT = {"commit": "abcdef1234567", "hardware": "2 cores", "command": "make bench"}


def results() -> dict[str, Any]:
    views = {"views_28.vs_lightly": spread([19.0, 21.0, 20.0]), "views_28.lightly": spread([1.0])}
    return {
        "views": ABOUT | {"found": views},
        "nt_xent": ABOUT | {"found": {"nt_xent_65536.extra_mb": 327.4}},
    }


def test_the_table_has_the_rows_that_were_measured() -> None:
    views, others, about = bench.table(results()).split("\n\n")
    assert views.splitlines()[2:] == ["| views at 28 px | 20 (19 to 21) |  |  |  |"]
    assert others.splitlines()[2:] == ["| NT-Xent at batch 65,536: extra MB | 327 |"]
    assert "abcdef1" in about


def test_the_tables_take_their_place_in_the_page() -> None:
    page = f"before\n{bench.START}\nold\n{bench.END}\nafter\n"
    written = bench.with_table(page, results())
    assert written == f"before\n{bench.START}\n{bench.table(results())}\n{bench.END}\nafter\n"


def test_the_page_and_the_scoreboard_show_what_was_measured() -> None:
    measured = json.loads((ROOT / bench.RESULTS).read_text())
    page = (ROOT / bench.PAGE).read_text("utf-8")
    assert bench.with_table(page, measured) == page
    board = json.loads((ROOT / "reports/scoreboard.json").read_text())
    assert {k: own for k, own in board.items() if k.startswith(bench.BENCH)} == bench.scores(
        measured
    )


def test_what_is_measured_no_more_leaves_the_scoreboard_and_others_entries_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    keep({"bench.old": score([1.0], "share"), "long.minutes": score([1.0], "minutes")})
    keep({"bench.new": score([2.0], "share")}, instead_of=bench.BENCH)
    keep({"repro.minutes": score([3.0], "minutes")})
    board = json.loads(SCOREBOARD.read_text())
    assert set(board) == {"bench.new", "long.minutes", "repro.minutes"}


def test_scores_have_all_that_a_claim_needs() -> None:
    scores = bench.scores(results())
    assert list(scores) == ["bench.views_28.vs_lightly", "bench.nt_xent_65536.extra_mb"]
    assert all(set(entry) == set(score([1.0], "share")) for entry in scores.values())
    assert scores["bench.views_28.vs_lightly"]["value"] == 20.0
    assert scores["bench.views_28.vs_lightly"]["n"] == 3
    assert not scores["bench.nt_xent_65536.extra_mb"]["higher_is_better"]


def test_the_cache_s_cost_is_a_table_of_its_own() -> None:
    found = {
        "cache_8.linear": spread([0.91, 0.92]),
        "cache_8.knn": spread([0.88]),
        "cache_8.examples_per_second": spread([2512.0]),
        "cache_8.disk_mb": 345.0,
        "cache_8.render_s": 12.3,
        "cache_live.linear": spread([0.93]),
        "cache_live.knn": spread([0.88]),
        "cache_live.examples_per_second": spread([2000.0]),
    }
    measured = {"cache_cost": ABOUT | {"found": found}}
    assert {key.removeprefix("bench.") for key in bench.scores(measured)} == set(found)
    shown = bench.table(measured)
    assert "| 8 views, cached | 0.915 (0.91 to 0.92) | 0.88 (0.88 to 0.88) | 2,512" in shown
    assert "| 345 | 12.3 |" in shown
    assert "| live views | 0.93 (0.93 to 0.93) | 0.88 (0.88 to 0.88) |" in shown
    assert shown.count("|  |  |") == 1, "live views have no disk and no rendering"


def test_what_the_stages_have_not_made_is_asked_for_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(bench.dvc_experiments, "require_committed", lambda command: None)
    monkeypatch.setitem(bench.BENCHMARKS, "views", lambda: pytest.fail("it has begun"))
    with pytest.raises(ConfigError, match=r"data/prepared is missing for loop; `dvc repro"):
        bench.main(["views", "loop"])


def test_an_unknown_benchmark_is_named_with_those_that_exist() -> None:
    with pytest.raises(
        ConfigError, match=r"no benchmark is called viewz; there are views, nt_xent"
    ):
        bench.main(["viewz"])
