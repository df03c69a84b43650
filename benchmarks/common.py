"""Helpers of the benchmarks: spreads, threads, optional libraries, processes, memory."""

import importlib
import json
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from twinview.core.errors import ConfigError

Spread = dict[str, float]
TIMEOUT_S = 3600  # of one measurement in a new process; it takes some minutes


def spread(values: Sequence[float]) -> Spread:
    """The median, the lowest and the highest of the rounds, and their number."""
    median = statistics.median(values)
    return {"median": median, "low": min(values), "high": max(values), "n": len(values)}


def module(name: str) -> Any:
    """An optional library. Raises ConfigError when it is not installed."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        package = name.partition(".")[0]
        raise ConfigError.at(package, "is not installed", "`make bench` installs it") from error


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Lets PyTorch compute with `count` threads inside the block."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def run_in_process(script: str, *arguments: object) -> dict[str, Any]:
    """The JSON that `python -m benchmarks.<script> one <arguments>` prints, in a new process."""
    command = [sys.executable, "-m", f"benchmarks.{script}", "one", *map(str, arguments)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=TIMEOUT_S)
    results: dict[str, Any] = json.loads(done.stdout)
    return results


def reset_peak_memory() -> float:
    """Resets the peak of resident memory; returns the megabytes resident now. Linux only."""
    Path("/proc/self/clear_refs").write_text("5")
    return resident_mb("VmRSS")


def resident_mb(field: str) -> float:
    """The resident megabytes of this process: VmRSS is now, VmHWM the peak. Linux only."""
    status = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in status if line.startswith(field)).split()[1]) / 1024


def show(results: dict[str, Any]) -> None:
    """Prints one line for each result, or all as JSON if --json is given."""
    if "--json" in sys.argv:
        print(json.dumps(results, indent=1))
        return
    for key, value in results.items():
        numbers = value.values() if isinstance(value, dict) else [value]
        print(
            f"{key:40}"
            + "".join(f"{v:>12.4g}" if isinstance(v, float) else f"{v:>12}" for v in numbers)
        )
