"""Memory and time of training steps at batch 8192 in chunks of 256, beside 256 and 8192 at once.

The benchmark trains SimCLR with the default recipe's encoder on 28x28 pictures, by the training
loop. Memory is the peak resident size of a new process less its size before the first step. Linux
only.
"""

import json
import sys
import time
from typing import Any, final

import torch
from torch import Tensor

from benchmarks.common import reset_peak_memory, resident_mb, run_in_process, show
from twinview.compute import devices
from twinview.compute.gradient_cache import GradientCache
from twinview.core import registry
from twinview.core.types import Split, Statistics
from twinview.learning.loop import Budget, fit
from twinview.methods.simclr import simclr
from twinview.models import encoder
from twinview.models.encoder import Description
from twinview.settings import params
from twinview.views.live import Views

LARGE, SMALL = 8192, 256
# Beyond the small batch's memory: h (2, 8192, 3072) float32 has 201 MB, its gradient as much; the
# rest is for the head, the objective, the views, and gaps in the heap.
MAX_EXTRA_MB = 750.0


def measure(threads: int = 2) -> dict[str, Any]:
    """The extra megabytes, and the CPU seconds of a step.

    Raises AssertionError when chunks need more memory than MAX_EXTRA_MB allows.
    Keys: micro_batch_8192 (in chunks of 256), direct_256, direct_8192, each with .extra_mb and
    .step_cpu_s; micro_batch_8192.memory_share and .time_ratio, to direct_8192.
    """
    runs = {
        f"micro_batch_{LARGE}": run_in_process("micro_batch", LARGE, SMALL, threads),
        f"direct_{SMALL}": run_in_process("micro_batch", SMALL, SMALL, threads),
        f"direct_{LARGE}": run_in_process("micro_batch", LARGE, LARGE, threads),
    }
    chunked, small, large = runs.values()
    results = {
        f"{run}.{key}": value for run, values in runs.items() for key, value in values.items()
    }
    results[f"micro_batch_{LARGE}.memory_share"] = chunked["extra_mb"] / large["extra_mb"]
    results[f"micro_batch_{LARGE}.time_ratio"] = chunked["step_cpu_s"] / large["step_cpu_s"]
    limit = small["extra_mb"] + MAX_EXTRA_MB
    assert chunked["extra_mb"] <= limit, (
        f"{chunked['extra_mb']:.0f} MB, more than {limit:.0f}: {results}"
    )
    return results


@final
class NoiseViews(Views):
    """Random views uint8, as a cache has them."""

    def take(self, rows: Tensor, epoch: int, count: int) -> Tensor:
        """The same noise for all rows and epochs."""
        random = torch.Generator().manual_seed(0)
        shape = (count, len(rows), 1, 28, 28)
        return torch.randint(0, 256, shape, dtype=torch.uint8, generator=random)


def _measure(batch_size: int, micro_batch: int, threads: int) -> dict[str, float]:
    """Measures in this process, after a small step, so that loaded libraries do not count."""
    devices.set_threads(threads)
    _train(8, 8, steps=1)
    before = reset_peak_memory()
    seconds = _train(batch_size, micro_batch, steps=2)
    return {"extra_mb": resident_mb("VmHWM") - before, "step_cpu_s": seconds}


def _train(batch_size: int, micro_batch: int, steps: int) -> float:
    """The CPU seconds of the last step; wall time would depend on other programs."""
    options = params.load().encoders["convnet"]
    description = Description("convnet", options, "image", (1, 28, 28), Statistics((0.5,), (0.5,)))
    learner = encoder.build(description, seed=0)
    head = registry.bind(
        "heads", "nonlinear", {"depth": 1, "hidden": 256, "dim": 128, "norm": "hidden"}
    )(learner.dim)
    method = simclr(GradientCache(learner, micro_batch), head, temperature=0.2, views=2)
    rows = torch.arange(batch_size)
    budget = Budget(steps, batch_size, 0.001, warmup_epochs=0, seed=0, precision="float32")
    optimizer = registry.bind("optimizers", "adamw", {"weight_decay": 0.0001})
    train = Split(rows, None, rows)
    start = time.process_time()
    for _ in fit(method, train, NoiseViews(), optimizer, budget, torch.device("cpu")):
        start, last = time.process_time(), time.process_time() - start
    return last


if __name__ == "__main__":
    if sys.argv[1:2] == ["one"]:
        print(json.dumps(_measure(*map(int, sys.argv[2:]))))
    else:
        show(measure())
