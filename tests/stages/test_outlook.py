"""The line that a stage prints when DVC starts it, and what DVC has yet to run."""

import hashlib
import json
import os
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from ruamel.yaml import YAML

from tests.support.workspace import ROOT
from twinview.core import files, paths
from twinview.stages import outlook
from twinview.stages.outlook import Rate, announce, record
from twinview.stages.pending import pending, recorded, upstream

Write = Callable[[dict[str, Any]], Path]
SETTINGS = {"a": {"x": 1}, "b": {"x": 1}}


def checksum(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


@pytest.fixture
def entries(folder: Path) -> dict[str, Any]:
    """Three stages in a row that have run: `last` reads a file in the folder of `middle`."""
    made = {}
    for name, before, inside in (
        ("first", "", ""),
        ("middle", "data/first", ""),
        ("last", "data/middle", "/part"),
    ):
        for path in (f"src/{name}.py", f"data/{name}"):
            (folder / path).parent.mkdir(exist_ok=True)
            (folder / path).write_text(name)
        deps = [{"path": f"src/{name}.py", "md5": checksum(name)}]
        deps += [{"path": before + inside, "md5": "1"}] if before else []
        outs = [{"path": f"data/{name}", "md5": "1"}]
        key = "b.x" if name == "middle" else "a.x"
        made[name] = {"deps": deps, "outs": outs, "params": {"params.yaml": {key: 1}}}
    return made


def left(entries: Mapping[str, Any], *finished: str, **settings: Any) -> list[str]:
    return pending(("first", "middle", "last"), finished, SETTINGS | settings, entries)


def test_nothing_runs_where_all_is_as_recorded(entries: dict[str, Any]) -> None:
    assert left(entries) == []


def test_without_a_record_all_runs(folder: Path) -> None:
    assert left(recorded()) == ["first", "middle", "last"]


def test_another_setting_runs_its_stage_and_those_that_read_from_it(
    entries: dict[str, Any],
) -> None:
    assert left(entries, b={"x": 2}) == ["middle", "last"]


def test_other_code_runs_its_stage(entries: dict[str, Any]) -> None:
    Path("src/last.py").write_text("edited")
    assert left(entries) == ["last"]


def test_what_is_missing_is_made_again_unless_the_cache_has_it(entries: dict[str, Any]) -> None:
    Path("data/last").unlink()
    entries["last"]["outs"][0]["md5"] = "abcdef"
    assert left(entries) == ["last"]
    cached = Path(".dvc/cache/files/md5/ab/cdef")
    cached.parent.mkdir(parents=True)
    cached.touch()
    assert left(entries) == []


def test_a_stage_that_wrote_the_same_again_runs_none_after_it(entries: dict[str, Any]) -> None:
    assert left(entries, "first") == []
    entries["first"]["outs"][0]["md5"] = "2"
    assert left(entries, "first") == ["middle", "last"]


def test_a_file_in_a_folder_that_was_written_again_counts_as_new(entries: dict[str, Any]) -> None:
    assert left(entries, "first", "middle") == ["last"]


def test_what_a_stage_reads_from_is_found_through_all_stages_between(
    entries: dict[str, Any],
) -> None:
    assert upstream(["last"], entries) == {"first", "middle", "last"}
    assert upstream(["first"], entries) == {"first"}


def test_the_expected_seconds_are_of_the_stages_of_dvc_yaml_in_its_order() -> None:
    stages = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text())["stages"]
    assert list(outlook._RATES) == list(stages)


def test_seconds_grow_with_examples_values_and_epochs() -> None:
    rate = Rate(1, examples=2, values=3, passes=4)
    assert rate.seconds(examples=5_000, values=6e6, epochs=7) == 1 + 2 * 5 + 3 * 6 + 4 * 6 * 7


@pytest.fixture
def dvc(write_params: Write, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Says which stage a DVC has started, in a project that has prepared its data."""
    write_params({})
    files.save_json(paths.PREPARED_INDEX, {"rows": {"train": 55_000}})
    process = SimpleNamespace(pid=1, create_time=lambda: 2.0, cmdline=lambda: ["dvc", "repro"])
    monkeypatch.setattr(outlook, "_dvc", lambda: process)
    return lambda stage: monkeypatch.setenv("DVC_STAGE", stage)


def line(stage: str, capsys: pytest.CaptureFixture[str]) -> str:
    announce(stage)
    return capsys.readouterr().out


def test_a_line_has_the_place_the_share_and_the_time_left(
    dvc: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    dvc("prepare")
    said = line("prepare", capsys)
    assert re.fullmatch(r"prepare: stage 1 of 9, some \d+% of the run; some .+ min left\n", said)


def test_stages_that_ran_count_with_the_time_that_they_took(
    dvc: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    dvc("prepare")
    line("prepare", capsys)
    record("prepare")
    dvc("views")
    assert line("views", capsys).startswith("views: stage 2 of 9, some")
    took = time.time() - psutil.Process().create_time()
    run = json.loads((paths.SCRATCH / "twinview/run.json").read_text())
    assert run["finished"]["prepare"] == pytest.approx(took, abs=60)


def test_another_dvc_begins_to_count_anew(
    dvc: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    dvc("prepare")
    line("prepare", capsys)
    record("prepare")
    other = SimpleNamespace(pid=3, create_time=lambda: 4.0, cmdline=lambda: ["dvc", "repro"])
    monkeypatch.setattr(outlook, "_dvc", lambda: other)
    dvc("views")
    assert line("views", capsys).startswith("views: stage 1 of 9")


def test_stages_that_dvc_was_not_asked_for_are_not_counted(
    dvc: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a record, those before the named one count, since it may read from them."""
    asked = SimpleNamespace(pid=1, create_time=lambda: 2.0, cmdline=lambda: ["dvc", "baselines"])
    monkeypatch.setattr(outlook, "_dvc", lambda: asked)
    dvc("prepare")
    assert line("prepare", capsys).startswith("prepare: stage 1 of 3, some")


def test_of_named_stages_those_count_that_they_read_from(entries: dict[str, Any]) -> None:
    names = {"first": "prepare", "middle": "views", "last": "pretrain"}
    known = {names[name]: entry for name, entry in entries.items()}
    assert outlook._wanted(["dvc", "repro", "pretrain"], known) == ["prepare", "views", "pretrain"]
    assert outlook._wanted(["dvc", "repro", "views"], known) == ["prepare", "views"]
    assert outlook._wanted(["dvc", "repro"], known) == list(outlook._RATES)


def test_a_stage_is_expected_to_take_what_it_took_last(
    dvc: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    rated = {name: rate.seconds(55_000, 55_000 * 784, 6) for name, rate in outlook._RATES.items()}
    assert outlook._expected(rated) == pytest.approx(rated)
    dvc("pretrain")
    for _ in range(2):
        monkeypatch.setattr(outlook.time, "time", lambda: 300 + psutil.Process().create_time())
        announce("pretrain")
        record("pretrain")
        assert outlook._expected(rated)["pretrain"] == pytest.approx(300)


def test_other_stages_are_expected_by_what_long_ones_took_and_hardly_by_short_ones(
    dvc: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    (paths.SCRATCH / "twinview").mkdir(parents=True)
    times = paths.SCRATCH / "twinview/stage_times.json"
    times.write_text(json.dumps({"views": [6, 3]}))
    assert 100 < outlook._expected({"embed": 100.0, "views": 1.0})["embed"] < 110
    times.write_text(json.dumps({"views": [6, 3], "pretrain": [2000, 1000]}))
    assert (
        190
        < outlook._expected({"embed": 100.0, **dict.fromkeys(["views", "pretrain"], 1.0)})["embed"]
        < 200
    )


def test_a_stage_that_goes_on_after_a_kill_says_nothing_of_a_whole_one(
    dvc: Callable[[str], None],
) -> None:
    dvc("pretrain")
    announce("pretrain")  # and was killed
    announce("pretrain")
    record("pretrain")
    assert not (paths.SCRATCH / "twinview/stage_times.json").exists()


def test_before_the_examples_are_counted_only_the_place_is_told(
    write_params: Write, dvc: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    write_params({"data.train": 0.8, "data.validation": 0.1, "data.test": 0.1})
    dvc("prepare")
    assert line("prepare", capsys) == "prepare: stage 1 of 9\n"
    files.save_json(paths.SCAN, {"files": 1000})
    assert "left" in line("prepare", capsys)


@pytest.mark.parametrize("text", ["{", "[]", "3"])
def test_a_broken_record_ends_no_stage(
    text: str, dvc: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("run.json", "stage_times.json"):
        (paths.SCRATCH / "twinview").mkdir(parents=True, exist_ok=True)
        (paths.SCRATCH / "twinview" / name).write_text(text)
    dvc("views")
    assert line("views", capsys).startswith("views: stage 1 of 9")


def test_a_stage_that_dvc_did_not_start_says_nothing(
    dvc: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    os.environ.pop("DVC_STAGE", None)
    assert line("views", capsys) == ""
    record("views")
    assert not (paths.SCRATCH / "twinview/run.json").exists()
