"""The training loop beside its own step: what reading and rendering views costs.

Four ways to the same step, a few steps of each in turn: views that are already tensors in memory;
cached views; cached views whose files are dropped from memory at every step, as the system must
when the cache is far larger than memory; views rendered in the loop. The step itself is held
against the machine's rate of matrix products in the same precision. Renders a cache of its own;
needs what the stages prepare and views make.
"""

import mmap
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.common import show, spread
from benchmarks.training import CPU, Training
from twinview.compute import devices
from twinview.core import paths
from twinview.learning.loop import Step
from twinview.settings import params
from twinview.settings.sections import Pretrain
from twinview.views.cache import CachedViews, open_views
from twinview.views.live import Views

WARM_UP = 5
SIDE = 2048  # of the matrices whose product is timed


def measure(rounds: int = 7, steps: int = 20) -> dict[str, Any]:
    """Shares of the rate of steps on tensors in memory, over the rounds, and the step's own rate.

    Keys: loop_cached.share_of_step, loop_cold.share_of_step, loop_live.share_of_step (median, low,
    high), step.examples_per_second, step.gflops, step.share_of_matmul, step.precision.
    """
    settings = params.load()
    made = {name: Training.from_settings(settings) for name in ("memory", "cached", "cold", "live")}
    first = made["memory"]
    train, modality = first.prepared.splits["train"], first.prepared.modality
    batch = first.live().take(torch.arange(settings.pretrain.batch_size), 0, first.method.views)
    with tempfile.TemporaryDirectory(dir=paths.VIEWS.parent) as folder:
        first.render(Path(folder) / "views", settings.views.cached.count)
        cached = open_views(Path(folder) / "views", train, modality)
        assert isinstance(cached, CachedViews)
        cold, live = ColdViews(cached), first.live()
        views = {"memory": ConstantViews(batch), "cached": cached, "cold": cold, "live": live}
        runs = {name: training.steps(views[name]) for name, training in made.items()}
        shares = _shares(runs, rounds, steps)
    return shares | _against_matmul(runs["memory"], settings.pretrain, rounds)


def _shares(runs: Mapping[str, Iterator[Step]], rounds: int, steps: int) -> dict[str, Any]:
    """Each way's rate as a share of that on tensors in memory, in the same round."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for run in runs.values():
        _seconds(run, WARM_UP)
    for _ in range(rounds):
        for name, run in runs.items():
            seconds[name].append(_seconds(run, steps) / steps)
    return {
        f"loop_{name}.share_of_step": spread(
            [memory / own for memory, own in zip(seconds["memory"], seconds[name], strict=True)]
        )
        for name in ("cached", "cold", "live")
    }


@final
class ConstantViews(Views):
    """The same views for every batch."""

    def __init__(self, views: Tensor) -> None:
        self._views = views

    def take(self, rows: Tensor, epoch: int, count: int) -> Tensor:
        """What it was given."""
        return self._views


@final
class ColdViews(Views):
    """Cached views of which nothing is in memory but what the next batch takes, once expected."""

    def __init__(self, views: CachedViews) -> None:
        self._views = views

    def take(self, rows: Tensor, epoch: int, count: int) -> Tensor:
        """From memory where it was expected, else from the disk."""
        return self._views.take(rows, epoch, count)

    def prefetch(self, rows: Tensor, epoch: int, count: int) -> None:
        """Has all forgotten, then these read."""
        _drop_from_memory(self._views)
        self._views.prefetch(rows, epoch, count)


def _against_matmul(run: Iterator[Step], own: Pretrain, rounds: int) -> dict[str, Any]:
    """The step's floating-point rate, counted by PyTorch, and a large matrix product's."""
    with FlopCounterMode(display=False) as counter:
        next(run)
    precision = devices.choose_precision(own.precision, CPU)
    a, b = torch.randn(2, SIDE, SIDE, dtype=getattr(torch, precision))
    a @ b
    rates, shares, gflops = [], [], []
    for _ in range(rounds):
        step = _seconds(run, 10) / 10
        start = time.perf_counter()
        a @ b
        product = 2 * SIDE**3 / (time.perf_counter() - start) / 1e9
        rates.append(own.batch_size / step)
        gflops.append(counter.get_total_flops() / step / 1e9)
        shares.append(gflops[-1] / product)
    return {
        "step.examples_per_second": spread(rates),
        "step.gflops": spread(gflops),
        "step.share_of_matmul": spread(shares),
        "step.precision": precision,
    }


def _seconds(run: Iterator[Step], steps: int) -> float:
    start = time.perf_counter()
    for _ in range(steps):
        next(run)
    return time.perf_counter() - start


def _drop_from_memory(views: CachedViews) -> None:
    """Has the system forget the shards' pages; the next access reads from the disk."""
    for shard in views.shards:
        assert isinstance(shard, np.memmap)
        mapped: mmap.mmap = shard._mmap  # type: ignore[attr-defined]
        mapped.madvise(mmap.MADV_DONTNEED)  # pages that are mapped would stay
        file = os.open(str(shard.filename), os.O_RDONLY)
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(file)


if __name__ == "__main__":
    show(measure())
