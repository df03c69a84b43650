"""The rate of the training loop as a share of the step alone: the cost of reading and rendering.

Four loops take the same step, a few steps each in turn: with views that are tensors in memory;
with cached views; with cached views whose files are dropped from memory at every step, as happens
when the cache is far larger than memory; with views rendered in the loop. The step itself is
compared with the machine's rate of matrix products in the same precision. The benchmark renders a
temporary cache and needs the files of the stages prepare and views.
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
SIDE = 2048  # of the square matrices whose product is timed


def measure(rounds: int = 7, steps: int = 20) -> dict[str, Any]:
    """The rates as shares of the rate on tensors in memory, and the rate of the step.

    Keys: loop_cached.share_of_step, loop_cold.share_of_step, loop_live.share_of_step (median, low,
    high), step.examples_per_second, step.gflops, step.share_of_matmul, step.precision.
    """
    settings = params.load()
    ways = ("memory", "cached", "cold", "live")
    trainings = {name: Training.from_settings(settings) for name in ways}
    first = trainings["memory"]
    train, modality = first.prepared.splits["train"], first.prepared.modality
    batch = first.live().take(torch.arange(settings.pretrain.batch_size), 0, first.method.views)
    with tempfile.TemporaryDirectory(dir=paths.VIEWS.parent) as folder:
        first.render(Path(folder) / "views", settings.views.cached.count)
        cached = open_views(Path(folder) / "views", train, modality)
        assert isinstance(cached, CachedViews)
        cold, live = ColdViews(cached), first.live()
        views = {"memory": ConstantViews(batch), "cached": cached, "cold": cold, "live": live}
        runs = {name: training.steps(views[name]) for name, training in trainings.items()}
        shares = _shares(runs, rounds, steps)
    return shares | _against_matmul(runs["memory"], settings.pretrain, rounds)


def _shares(runs: Mapping[str, Iterator[Step]], rounds: int, steps: int) -> dict[str, Any]:
    """The rate of each loop as a share of the rate on tensors in memory, round by round."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for run in runs.values():
        _seconds(run, WARM_UP)
    for _ in range(rounds):
        for name, run in runs.items():
            seconds[name].append(_seconds(run, steps) / steps)
    return {
        f"loop_{name}.share_of_step": spread(
            [memory / other for memory, other in zip(seconds["memory"], seconds[name], strict=True)]
        )
        for name in ("cached", "cold", "live")
    }


@final
class ConstantViews(Views):
    """The same views for every batch."""

    def __init__(self, views: Tensor) -> None:
        self._views = views

    def take(self, rows: Tensor, epoch: int, count: int) -> Tensor:
        """The views of the constructor."""
        return self._views


@final
class ColdViews(Views):
    """Cached views that are always read from the disk."""

    def __init__(self, views: CachedViews) -> None:
        self._views = views

    def take(self, rows: Tensor, epoch: int, count: int) -> Tensor:
        """The views, after all files were dropped from memory."""
        _drop_from_memory(self._views)
        return self._views.take(rows, epoch, count)


def _against_matmul(run: Iterator[Step], settings: Pretrain, rounds: int) -> dict[str, Any]:
    """The step's floating-point rate, as PyTorch counts it, and that of a large matrix product."""
    with FlopCounterMode(display=False) as counter:
        next(run)
    precision = devices.choose_precision(settings.precision, CPU)
    a, b = torch.randn(2, SIDE, SIDE, dtype=getattr(torch, precision))
    a @ b
    rates, shares, gflops = [], [], []
    for _ in range(rounds):
        step = _seconds(run, 10) / 10
        start = time.perf_counter()
        a @ b
        product = 2 * SIDE**3 / (time.perf_counter() - start) / 1e9
        rates.append(settings.batch_size / step)
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
    """Drops the shards' pages from memory, so that the next access reads from the disk."""
    for shard in views.shards:
        assert isinstance(shard, np.memmap)
        mapped: mmap.mmap = shard._mmap  # type: ignore[attr-defined]
        mapped.madvise(mmap.MADV_DONTNEED)  # fadvise alone would leave mapped pages
        file = os.open(str(shard.filename), os.O_RDONLY)
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(file)


if __name__ == "__main__":
    show(measure())
