"""What dvc.lock says of the outs of stages."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from pipeline.report import UPSTREAM
from tests.support.workspace import ROOT
from twinview.core.dvc_lock import LOCK
from twinview.core.errors import DataError
from twinview.experiments.lock_file import Out, recorded_outs

LOCKED = """
schema: '2.0'
stages:
  prepare:
    outs:
    - {path: data/prepared, hash: md5, md5: 59af.dir, size: 56000986, nfiles: 4}
    - {path: reports/data/card.json, hash: md5, md5: "5873", size: 1288}
  report:
    outs:
    - {path: reports/report.html, hash: md5, md5: 6d40, size: 1455389}
  publish:
    cmd: python -m pipeline.publish
"""


def test_outs_of_the_asked_stages_have_size_files_and_checksum(folder: Path) -> None:
    (folder / LOCK).write_text(LOCKED)
    assert recorded_outs(["publish", "prepare"]) == [
        Out("prepare", "data/prepared", 56000986, 4, "59af.dir"),
        Out("prepare", "reports/data/card.json", 1288, 1, "5873"),
    ]


def test_a_stage_that_has_not_run_is_named(folder: Path) -> None:
    with pytest.raises(DataError, match=r"no results of stage views; `dvc repro`"):
        recorded_outs(["views"])
    (folder / LOCK).write_text(LOCKED)
    with pytest.raises(DataError, match="no results of stage views"):
        recorded_outs(["prepare", "views"])


def test_the_report_tells_of_all_stages_before_it() -> None:
    stages = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text())["stages"]
    assert sorted(UPSTREAM) == sorted(set(stages) - {"report", "publish"})
