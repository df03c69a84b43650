"""Benchmarks run from end to end, small; some where the libraries that they need are installed."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

from benchmarks import cache_cost, common, loop, micro_batch, nt_xent, time_to_accuracy, views
from tests.support.training import CHAIN
from tests.support.workspace import ROOT
from twinview.core import paths
from twinview.data import split_writer
from twinview.data.splits import Prepared
from twinview.views.cache import write_live
from twinview.views.plan import ViewPlan

beside_peers = pytest.mark.skipif(
    not all(map(find_spec, ("lightly", "kornia"))), reason="`make bench` installs them"
)


@beside_peers
def test_views_are_compared_at_each_size() -> None:
    found = views.measure(sizes=(28,), threads=(1,), rounds=1, min_s=0.01)
    assert {"views_28.vs_lightly", "views_28.vs_kornia", "views_28.vs_torchvision"} <= set(found)


@beside_peers
def test_nt_xent_is_compared_in_time_and_memory() -> None:
    found = nt_xent.measure(sizes=(32, 1024), large=2048, rounds=1, min_s=0.01)
    assert found["nt_xent_1024.memory_share"] < 1
    assert {"nt_xent_32.vs_lightly", "nt_xent_2048.extra_mb"} <= set(found)


@pytest.mark.slow
def test_a_step_in_chunks_is_measured_in_a_process_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(ROOT)
    found = common.run_in_process("micro_batch", 16, 8, 1)
    assert set(found) == {"extra_mb", "step_cpu_s"} and found["step_cpu_s"] > 0


def test_chunks_are_compared_with_both_sizes_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def run_in_process(script: str, batch: int, chunk: int, threads: int) -> dict[str, float]:
        return {"extra_mb": (batch + chunk) / 100, "step_cpu_s": 2.0}

    monkeypatch.setattr(micro_batch, "run_in_process", run_in_process)
    found = micro_batch.measure()
    assert found["micro_batch_8192.memory_share"] == pytest.approx((8192 + 256) / (2 * 8192))
    assert found["micro_batch_8192.time_ratio"] == 1


def test_chunks_that_need_more_than_promised_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    def run_in_process(script: str, batch: int, chunk: int, threads: int) -> dict[str, float]:
        return {"extra_mb": 800.0 if batch > chunk else 40.0, "step_cpu_s": 2.0}

    monkeypatch.setattr(micro_batch, "run_in_process", run_in_process)
    with pytest.raises(AssertionError, match="800 MB, more than 790"):
        micro_batch.measure()


@pytest.fixture
def project(shapes: Prepared, write_params: Callable[..., Path]) -> None:
    """What the stages before pretraining leave, in live mode."""
    split_writer.save(paths.PREPARED, shapes)
    write_live(paths.VIEWS, ViewPlan(0, CHAIN))
    changes = {"epochs": 20, "batch_size": 16, "threads": 1, "precision": "float32"}
    write_params({f"pretrain.{name}": value for name, value in changes.items()})


@pytest.mark.usefixtures("project")
def test_the_loop_is_compared_with_its_own_step_on_live_views_too() -> None:
    found = loop.measure(rounds=1, steps=1)
    shares = {f"loop_{name}.share_of_step" for name in ("cached", "cold", "live")}
    own = {f"step.{name}" for name in ("examples_per_second", "gflops", "share_of_matmul")}
    assert set(found) == shares | own | {"step.precision"}
    assert found["step.precision"] == "float32"
    assert len([*paths.VIEWS.parent.iterdir()]) == 2, "the cache is gone"


@beside_peers
@pytest.mark.slow
@pytest.mark.usefixtures("project")
def test_the_time_to_an_accuracy_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time_to_accuracy, "EPOCHS", 20)
    found = time_to_accuracy.measure(minutes=0.01)
    assert found["time_to_lightly_knn.target"] == max(
        found["time_to_lightly_knn.lightly_knn"].values()
    )
    assert found["time_to_lightly_knn.ratio"] > 0


@pytest.mark.usefixtures("project")
def test_a_cache_is_compared_with_live_views(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_cost, "EPOCHS", 2)
    found = cache_cost.measure(counts=(2,), seeds=(0,))
    assert {"cache_2.linear", "cache_2.disk_mb", "cache_live.knn"} <= set(found)
