"""NT-Xent forward and backward beside lightly's: time, and memory beyond the embeddings.

Both get the same float32 embeddings (2, n, 128), need no normalisation beforehand, and end with the
gradient of the embeddings. Memory is the peak resident size of a fresh process less its size just
before; it includes that gradient. Linux only.
"""

import importlib
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from twinview.errors import ConfigError
from twinview.objectives.nt_xent import nt_xent

D, TEMPERATURE = 128, 0.2
LARGE = 65_536

Loss = Callable[[Tensor], Tensor]
Spread = dict[str, float]


def measure(
    sizes: Sequence[int] = (256, 4096, 8192),
    large: int = LARGE,
    threads: int = 1,
    rounds: int = 5,
    least_s: float = 0.2,
) -> dict[str, Any]:
    """Ratios of time and memory to lightly's at n pairs each; at `large`, twinview alone.

    Every round times both, one after the other, each for at least least_s seconds, and gives one
    ratio. Keys: nt_xent_4096.vs_lightly (median, low, high), nt_xent_4096.memory_share (of
    lightly's; from n = 1024), nt_xent_65536.extra_mb, nt_xent_65536.wall_s. One thread, since a
    second one that waits for a core that others use makes the ratio a matter of luck.
    Raises ConfigError when lightly is not installed.
    """
    losses = {name: make() for name, make in LOSSES.items()}
    results: dict[str, Any] = {
        "versions": {m: _module(m).__version__ for m in ("torch", "lightly")}
    }
    with _torch_threads(threads):
        for n in sizes:
            z, key = _embeddings(n), f"nt_xent_{n}"
            seconds = _seconds(losses, z, rounds, least_s)
            results |= {f"{key}.{name}_s": _spread(own) for name, own in seconds.items()}
            ratios = [b / a for a, b in zip(seconds["twinview"], seconds["lightly"], strict=True)]
            results[f"{key}.vs_lightly"] = _spread(ratios)
            if n >= 1024:
                ours, theirs = (_child(name, n, threads) for name in ("twinview", "lightly"))
                results[f"{key}.extra_mb"] = ours["extra_mb"]
                results[f"{key}.memory_share"] = ours["extra_mb"] / theirs["extra_mb"]
    alone = _child("twinview", large, threads)
    return results | {f"nt_xent_{large}.{name}": value for name, value in alone.items()}


def _twinview() -> Loss:
    return lambda z: nt_xent(z, None, temperature=TEMPERATURE)


def _lightly() -> Loss:
    loss = _module("lightly.loss").NTXentLoss(TEMPERATURE)
    return lambda z: loss(z[0], z[1])


LOSSES = {"twinview": _twinview, "lightly": _lightly}


def _embeddings(n: int) -> Tensor:
    return torch.randn(2, n, D, generator=torch.Generator().manual_seed(0)).requires_grad_()


def _pass(loss: Loss, z: Tensor) -> float:
    """Seconds of one forward and backward."""
    z.grad, start = None, time.perf_counter()
    loss(z).backward()
    return time.perf_counter() - start


def _seconds(
    losses: dict[str, Loss], z: Tensor, rounds: int, least_s: float
) -> dict[str, list[float]]:
    """Seconds a pass in each round, after one pass that does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in losses}
    for loss in losses.values():
        _pass(loss, z)
    for _ in range(rounds):
        for name, loss in losses.items():
            passes = [_pass(loss, z)]
            while sum(passes) < least_s:
                passes.append(_pass(loss, z))
            seconds[name].append(statistics.mean(passes))
    return seconds


def _child(name: str, n: int, threads: int) -> dict[str, float]:
    """Extra megabytes and seconds of one pass in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.nt_xent", "one", name, str(n), str(threads)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _one(name: str, n: int, threads: int) -> dict[str, float]:
    """What a child does. A small pass first, so that loaded libraries do not count."""
    torch.set_num_threads(threads)
    loss, z = LOSSES[name](), _embeddings(n)
    _pass(loss, _embeddings(8))
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    before, seconds = _resident_mb("VmRSS"), _pass(loss, z)
    return {"extra_mb": _resident_mb("VmHWM") - before, "wall_s": seconds}


def _resident_mb(field: str) -> float:
    status = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in status if line.startswith(field)).split()[1]) / 1024


def _spread(values: Sequence[float]) -> Spread:
    return {"median": statistics.median(values), "low": min(values), "high": max(values)}


def _module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        package = name.partition(".")[0]
        raise ConfigError(f"{package} is not installed; `make bench` installs it") from error


@contextmanager
def _torch_threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _table(results: dict[str, Any]) -> Iterator[str]:
    yield ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    yield f"{'seconds, megabytes or ratio':36}{'median':>10}{'low':>10}{'high':>10}"
    for key, value in results.items():
        if key != "versions":
            numbers = value.values() if isinstance(value, dict) else [value]
            yield f"{key:36}" + "".join(f"{number:10.4g}" for number in numbers)


if __name__ == "__main__":
    if sys.argv[1:2] == ["one"]:
        print(json.dumps(_one(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))))
    else:
        found = measure()
        print(json.dumps(found, indent=1) if "--json" in sys.argv else "\n".join(_table(found)))
