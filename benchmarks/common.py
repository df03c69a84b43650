"""What the benchmarks share: spreads, threads, optional libraries, fresh processes, memory."""

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
LIMIT_S = 3600  # of one measurement in a process of its own: they take some minutes


def spread(values: Sequence[float]) -> Spread:
    """Median, lowest and highest of the rounds, and how many there were."""
    middle = statistics.median(values)
    return {"median": middle, "low": min(values), "high": max(values), "n": len(values)}


def module(name: str) -> Any:
    """An optional library. Raises ConfigError when it is not installed."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        package = name.partition(".")[0]
        raise ConfigError(f"{package} is not installed; `make bench` installs it") from error


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """PyTorch computes with `count` threads inside."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def run_in_process(script: str, *arguments: object) -> dict[str, Any]:
    """What `python -m benchmarks.<script> one <arguments>` prints: JSON, of a fresh process."""
    command = [sys.executable, "-m", f"benchmarks.{script}", "one", *map(str, arguments)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=LIMIT_S)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def reset_peak_memory() -> float:
    """Megabytes that are resident now; the peak starts anew. Linux only."""
    Path("/proc/self/clear_refs").write_text("5")
    return resident_mb("VmRSS")


def resident_mb(field: str) -> float:
    """Megabytes of this process: VmRSS now, VmHWM at the peak. Linux only."""
    status = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in status if line.startswith(field)).split()[1]) / 1024


def show(found: dict[str, Any]) -> None:
    """Prints results a line each; all of it as JSON with --json."""
    if "--json" in sys.argv:
        print(json.dumps(found, indent=1))
        return
    for key, value in found.items():
        numbers = value.values() if isinstance(value, dict) else [value]
        print(
            f"{key:40}"
            + "".join(f"{v:>12.4g}" if isinstance(v, float) else f"{v:>12}" for v in numbers)
        )
