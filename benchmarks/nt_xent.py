"""NT-Xent forward and backward beside lightly's: time, and memory beyond the embeddings.

Both get the same float32 embeddings (2, n, 128), normalise them, and compute their gradient. Memory
is the peak resident size of a new process less its size just before; it includes the gradient.
Linux only.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from benchmarks.common import (
    module,
    reset_peak_memory,
    resident_mb,
    run_in_process,
    show,
    spread,
    torch_threads,
)
from twinview.objectives.nt_xent import nt_xent

D, TEMPERATURE = 128, 0.2
LARGE = 65_536

Loss = Callable[[Tensor], Tensor]


def measure(
    sizes: Sequence[int] = (256, 4096, 8192),
    large: int = LARGE,
    threads: int = 1,
    rounds: int = 5,
    min_s: float = 0.2,
) -> dict[str, Any]:
    """The ratios of time and memory to lightly's at each number of pairs.

    Keys: nt_xent_4096.vs_lightly (median, low, high), nt_xent_4096.memory_share (of lightly's;
    from n = 1024 on), nt_xent_65536.extra_mb, nt_xent_65536.wall_s.

    Parameters
    ----------
    sizes : the numbers of pairs n.
    large : a number of pairs at which twinview alone is measured.
    threads : one by default, since a second thread may wait for a core that others use.
    rounds : each times both, one after the other, and gives one ratio.
    min_s : the shortest time of each in a round, in seconds.

    Raises
    ------
    ConfigError : lightly is not installed.
    """
    losses = {name: make() for name, make in LOSSES.items()}
    results: dict[str, Any] = {"versions": {m: module(m).__version__ for m in ("torch", "lightly")}}
    with torch_threads(threads):
        for n in sizes:
            z, key = _embeddings(n), f"nt_xent_{n}"
            seconds = _seconds(losses, z, rounds, min_s)
            results |= {f"{key}.{name}_s": spread(times) for name, times in seconds.items()}
            ratios = [b / a for a, b in zip(seconds["twinview"], seconds["lightly"], strict=True)]
            results[f"{key}.vs_lightly"] = spread(ratios)
            if n >= 1024:
                ours, theirs = (
                    run_in_process("nt_xent", name, n, threads) for name in ("twinview", "lightly")
                )
                results[f"{key}.extra_mb"] = ours["extra_mb"]
                results[f"{key}.memory_share"] = ours["extra_mb"] / theirs["extra_mb"]
    alone = run_in_process("nt_xent", "twinview", large, threads)
    return results | {f"nt_xent_{large}.{name}": value for name, value in alone.items()}


def _twinview() -> Loss:
    return lambda z: nt_xent(z, None, temperature=TEMPERATURE)


def _lightly() -> Loss:
    loss = module("lightly.loss").NTXentLoss(TEMPERATURE)
    return lambda z: loss(z[0], z[1])


LOSSES = {"twinview": _twinview, "lightly": _lightly}


def _embeddings(n: int) -> Tensor:
    return torch.randn(2, n, D, generator=torch.Generator().manual_seed(0)).requires_grad_()


def _pass(loss: Loss, z: Tensor) -> float:
    """The seconds of one forward and backward."""
    z.grad, start = None, time.perf_counter()
    loss(z).backward()
    return time.perf_counter() - start


def _seconds(
    losses: dict[str, Loss], z: Tensor, rounds: int, min_s: float
) -> dict[str, list[float]]:
    """The seconds of a pass in each round, after one pass that does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in losses}
    for loss in losses.values():
        _pass(loss, z)
    for _ in range(rounds):
        for name, loss in losses.items():
            passes = [_pass(loss, z)]
            while sum(passes) < min_s:
                passes.append(_pass(loss, z))
            seconds[name].append(statistics.mean(passes))
    return seconds


def _measure(name: str, n: int, threads: int) -> dict[str, float]:
    """Measures in this process, after a small pass, so that loaded libraries do not count."""
    torch.set_num_threads(threads)
    loss, z = LOSSES[name](), _embeddings(n)
    _pass(loss, _embeddings(8))
    before, seconds = reset_peak_memory(), _pass(loss, z)
    return {"extra_mb": resident_mb("VmHWM") - before, "wall_s": seconds}


if __name__ == "__main__":
    if sys.argv[1:2] == ["one"]:
        print(json.dumps(_measure(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))))
    else:
        show(measure())
