"""The peak of memory and the training rate on 300,000 mapped pictures, of more than the limit.

A process whose memory is limited to LIMIT_MB (page cache included) trains the default recipe, in
micro batches, on a train split of 8.3 GB with live views. It then embeds a part of the split, and
takes raw pixels and neighbours of all of it. The bare step has views that are tensors in memory.
The pictures are noise.
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.common import resident_mb, run_in_process, show, spread
from benchmarks.loop import ConstantViews
from benchmarks.memory_limit import memory_limit
from benchmarks.training import CPU, with_pretrain
from twinview.compute import devices
from twinview.core import paths
from twinview.core.tensor_files import Blocks, load_tensors, write_tensors
from twinview.core.types import Split
from twinview.data.splits import Prepared
from twinview.evaluation.nearest import nearest
from twinview.learning import loop, pretraining
from twinview.modalities.image import image
from twinview.models.embeddings import features
from twinview.settings import params
from twinview.views.live import LiveViews, Views
from twinview.views.plan import ViewPlan

SHAPE, LIMIT_MB, EMBEDDED, BATCH = (3, 96, 96), 2000, 5000, 100
MICRO_BATCH = 32


def measure(count: int = 300_000, rounds: int = 5, steps: int = 4) -> dict[str, Any]:
    """mapped_300k.share_of_step (median, low, high), .peak_mb, .store_mb and .limit_mb."""
    with tempfile.TemporaryDirectory(dir=paths.SCRATCH) as folder:
        path = Path(folder) / "train.safetensors"
        write(path, count)
        return run_in_process("mapped_300k", path, rounds, steps)


def write(path: Path, count: int) -> None:
    """Writes a train split of noise, and drops it from memory."""
    inputs = Blocks((count, *SHAPE), torch.uint8, _noise(count))
    write_tensors(
        path, {"inputs": inputs, "ids": Blocks((count,), torch.int64, [torch.arange(count)])}
    )
    file = os.open(path, os.O_RDONLY)
    os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(file)


def _noise(count: int) -> Iterator[Tensor]:
    generator = torch.Generator().manual_seed(0)
    for rows in torch.arange(count).split(1000):
        yield torch.randint(0, 256, (len(rows), *SHAPE), dtype=torch.uint8, generator=generator)


def limited(path: Path, rounds: int, steps: int) -> dict[str, Any]:
    """The results of a process whose memory is limited from now on."""
    with memory_limit(LIMIT_MB):
        tensors = load_tensors(path)
        train = Split(tensors["inputs"], None, tensors["ids"])
        modality = image()
        statistics = modality.statistics(train.inputs)
        prepared = Prepared({"train": train}, (), "image", statistics)
        shares = _shares(prepared, rounds, steps)
        raw = modality.raw(train.inputs)
        nearest(raw[:: len(raw) // 200], raw, 10)
        peak = resident_mb("VmHWM")
    store = path.stat().st_size / 1e6
    return {
        "mapped_300k.share_of_step": spread(shares),
        "mapped_300k.peak_mb": peak,
        "mapped_300k.store_mb": store,
        "mapped_300k.limit_mb": LIMIT_MB,
    }


def _shares(prepared: Prepared, rounds: int, steps: int) -> list[float]:
    """The rate on the mapped split as a share of the bare step's, round by round."""
    # Maps of a whole batch of such pictures alone would take more than the limit.
    settings = with_pretrain(params.load(), micro_batch=MICRO_BATCH)
    devices.set_threads(settings.pretrain.threads)
    train, size = prepared.splits["train"], settings.pretrain.batch_size
    plan = ViewPlan.from_options(settings.views.seed, settings.views.chain, settings.augmentations)
    live = LiveViews(plan.renderer(prepared.modality), train)
    batch = live.take(torch.arange(size), 0, 2)

    def run(views: Views) -> Iterator[loop.Step]:
        _, method = pretraining.build(settings, prepared)
        make_optimizer = settings.bound("optimizers", settings.pretrain.optimizer)
        budget = loop.Budget.from_settings(settings.pretrain)
        return loop.fit(method, train, views, make_optimizer, budget, CPU)

    bare, mapped = run(ConstantViews(batch)), run(live)
    for steps_of in (bare, mapped):
        _seconds(steps_of, 2)
    shares = [_seconds(bare, steps) / _seconds(mapped, steps) for _ in range(rounds)]
    network, _ = pretraining.build(settings, prepared)
    features(network.eval(), train.inputs[:EMBEDDED].split(BATCH), CPU)
    return shares


def _seconds(run: Iterator[loop.Step], steps: int) -> float:
    start = time.perf_counter()
    for _ in range(steps):
        next(run)
    return time.perf_counter() - start


if __name__ == "__main__":
    if sys.argv[1:2] == ["one"]:
        print(json.dumps(limited(Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))))
    else:
        show(measure())
