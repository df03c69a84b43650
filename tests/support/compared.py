"""Runs to compare, which no pipeline made."""

import copy
import functools
from typing import Any

from tests.conftest import WHOLE
from twinview.experiments import comparison
from twinview.experiments.comparison import Compared, Comparison, Run

METHODS = ("simclr", "byol", "moco")


def settings(**changes: Any) -> dict[str, Any]:
    """params.yaml with other values; 'pretrain__epochs' stands for pretrain.epochs."""
    tree = copy.deepcopy(WHOLE)
    for name, value in changes.items():
        *parents, last = name.split("__")
        section = tree
        for parent in parents:
            section = section[parent]
        section[last] = value
    return tree


def run(
    name: str,
    accuracy: float,
    *,
    validation: float | None = None,
    code: str = "1",
    data: str = "1",
    pairs: str = "1",
    protocol: str = "frozen-3",
    size: int = 5,
    **changes: Any,
) -> Run:
    """validation: the linear probe's accuracy there; without, the run has none."""
    tree = settings(**changes)
    metrics = {"linear.accuracy": accuracy, "linear.f1": accuracy, "knn.accuracy": 1 - accuracy}
    metrics |= {"raw_pixels.linear.accuracy": 0.5, "supervised.linear.accuracy": accuracy}
    if validation is not None:
        metrics |= {"linear.validation_accuracy": validation}
    outs = {"shared": 100, name: size}
    method = tree["pretrain"]["method"]
    files = {"src/a.py": code, f"src/methods/{method}.py": method}
    own = name, f"{name:0<40}", tree, metrics, "learning", 2.0, outs, files
    return Run(*own, data, pairs, protocol)


def parted(*runs: Run, metrics: tuple[str, ...] = ()) -> Compared:
    return comparison.side_by_side(runs, metrics, {})


def of(*runs: Run, metrics: tuple[str, ...] = ()) -> Comparison:
    """Runs that were asked the same."""
    (found,) = parted(*runs, metrics=metrics).parts
    return found


@functools.cache
def sweep() -> Comparison:
    """Three methods over three seeds: byol is far ahead, moco and simclr are alike."""
    level = {"simclr": 0.80, "byol": 0.90, "moco": 0.801}
    wobble = {"simclr": (0, 0.01, 0.02), "byol": (0, 0.012, 0.019), "moco": (0.01, 0.02, 0)}
    return of(*(
        run(f"{m}{s}", level[m] + wobble[m][s], pretrain__method=m, pretrain__seed=s)
        for m in METHODS for s in range(3)
    ))  # fmt: skip


def alone(found: Comparison) -> Compared:
    return Compared((found,), {})


NINE: dict[str, Any] = {
    "pretrain__epochs": 3, "pretrain__batch_size": 64, "pretrain__learning_rate": 0.1,
    "pretrain__warmup_epochs": 2, "pretrain__monitored": 32, "embed__mirror": False,
    "methods__simclr__temperature": 0.5, "heads__nonlinear__out": 64, "views__seed": 3,
}  # fmt: skip
