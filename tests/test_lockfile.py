"""dvc.lock: what is read of it, and which results are not those of the settings."""

import copy
from pathlib import Path
from typing import Any

from twinview import lockfile

LOCK: dict[str, Any] = {
    "schema": "2.0",
    "stages": {
        "pretrain": {
            "deps": [{"path": "src/twinview/loop.py", "md5": "c1"}, {"path": "raw", "md5": "r"}],
            "params": {"params.yaml": {"pretrain": {"epochs": 3}, "methods.byol": {"decay": 0.9}}},
            "outs": [{"path": "models/encoder", "md5": "e1", "size": 10}],
        },
        "evaluate": {
            "deps": [
                {"path": "models/encoder", "md5": "e1"},
                {"path": "pipeline/evaluate.py", "md5": "c2"},
            ],
            "outs": [
                {"path": "reports/metrics.json", "md5": "m1", "size": 2},
                {"path": "copy", "md5": "e1", "size": 10},
            ],
        },
        "report": {
            "deps": [
                {"path": "models/encoder", "md5": "other"}, {"path": "src/page.py", "md5": "p"},
            ],
            "params": {"params.yaml": {"report": {"points": 5}}},
            "outs": [{"path": "reports/report.html", "md5": "h1", "size": 5}],
        },
    },
}  # fmt: skip
TREE = {"pretrain": {"epochs": 3}, "methods": {"byol": {"decay": 0.9}}, "report": {"points": 9}}


def test_code_is_what_the_results_come_from() -> None:
    assert lockfile.code(LOCK) == {"src/twinview/loop.py": "c1", "pipeline/evaluate.py": "c2"}


def test_equal_content_is_counted_once() -> None:
    assert lockfile.outs(LOCK) == {"e1": 10, "m1": 2, "h1": 5}


def test_the_hash_of_an_out_is_found() -> None:
    assert lockfile.hash_of(LOCK, Path("reports/metrics.json")) == "m1"
    assert lockfile.hash_of(LOCK, Path("reports/none.json")) is None


def test_results_of_the_settings_are_not_stale_whatever_the_page_is() -> None:
    assert lockfile.stale(LOCK, TREE) is None


def test_results_of_other_settings_are_stale() -> None:
    found = lockfile.stale(LOCK, TREE | {"pretrain": {"epochs": 4}})
    assert found == "pretrain ran with another pretrain.epochs than params.yaml states"
    found = lockfile.stale(LOCK, TREE | {"methods": {"byol": {"decay": 0.8}}})
    assert found == "pretrain ran with another methods.byol.decay than params.yaml states"


def test_a_stage_that_did_not_run_after_an_earlier_one_is_stale() -> None:
    lock = copy.deepcopy(LOCK)
    lock["stages"]["pretrain"]["outs"][0]["md5"] = "e2"
    assert lockfile.stale(lock, TREE) == "evaluate ran on another models/encoder than there is"
