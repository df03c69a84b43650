"""The peak of memory and the training rate on 300,000 mapped pictures, of more than the limit.

A process that may take LIMIT_MB of memory, page cache included, beside the libraries that it has
loaded before, trains recipes/photos.yaml, in micro batches, on a train split of 8.3 GB with live
views. It then embeds a part of the split, and takes raw pixels and neighbours of all of it. The
pictures are noise. Two rates are compared with that of the mapped split: of the bare step, whose
views are tensors in memory, and of live views of pictures in memory, which differs by the reading
alone. The peak of memory has the libraries in it.
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
MICRO_BATCH, HELD = 32, 4000  # HELD: pictures in memory
RECIPE = Path("recipes/photos.yaml")


def measure(count: int = 300_000, rounds: int = 5, steps: int = 4) -> dict[str, Any]:
    """mapped_300k.share_of_step, .share_of_memory, .peak_mb, .store_mb and .limit_mb.

    The shares are each a median with the low and the high of the rounds.
    """
    paths.SCRATCH.mkdir(parents=True, exist_ok=True)
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
    os.fsync(file)  # what is not on the disk yet stays in memory, and would not count to the limit
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
        raw = modality.raw(train.inputs, {})
        nearest(raw[:: len(raw) // 200], raw, 10)
        peak = resident_mb("VmHWM")
    store = path.stat().st_size / 1e6
    return {
        "mapped_300k.share_of_step": spread([share for share, _ in shares]),
        "mapped_300k.share_of_memory": spread([share for _, share in shares]),
        "mapped_300k.peak_mb": peak,
        "mapped_300k.store_mb": store,
        "mapped_300k.limit_mb": LIMIT_MB,
    }


def _shares(prepared: Prepared, rounds: int, steps: int) -> list[tuple[float, float]]:
    """The rate on the mapped split as a share of the bare step's and of that in memory."""
    # Maps of a whole batch of such pictures alone would take more than the limit.
    settings = with_pretrain(params.load(RECIPE), micro_batch=MICRO_BATCH)
    devices.set_threads(settings.pretrain.threads)
    train, size = prepared.splits["train"], settings.pretrain.batch_size
    plan = ViewPlan.from_options(settings.views.seed, settings.views.chain, settings.augmentations)
    held = Split(train.inputs[:HELD].clone(), None, train.ids[:HELD])
    live, live_held = (LiveViews(plan.renderer(prepared.modality), own) for own in (train, held))

    def run(train: Split, views: Views) -> Iterator[loop.Step]:
        _, method = pretraining.build(settings, prepared)
        make_optimizer = settings.bound("optimizers", settings.pretrain.optimizer)
        budget = loop.Budget.from_settings(settings.pretrain)
        return loop.fit(method, train, views, make_optimizer, budget, CPU)

    bare = run(train, ConstantViews(live.take(torch.arange(size), 0, 2)))
    ways = (run(train, live), bare, run(held, live_held))
    for way in ways:
        _seconds(way, 2)
    shares = []
    for _ in range(rounds):
        mapped, step, memory = (_seconds(way, steps) for way in ways)
        shares.append((step / mapped, memory / mapped))
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
