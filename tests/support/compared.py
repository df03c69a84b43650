"""Runs to compare, which no pipeline made."""

import copy
import functools
import json
from collections.abc import Mapping
from typing import Any

from tests.conftest import WHOLE
from twinview.experiments import side_by_side
from twinview.experiments.comparison import Comparison
from twinview.experiments.recorded_run import RecordedRun
from twinview.experiments.side_by_side import Compared
from twinview.settings.dotted import nested

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
    metrics: Mapping[str, float] | None = None,
    code: str = "1",
    data: str = "1",
    pairs: str = "1",
    weights: str = "1",
    protocol: str = "frozen-4",
    size: int = 5,
    minutes: float | None = 2.0,
    **changes: Any,
) -> RecordedRun:
    """A run of files as the pipeline leaves them.

    validation: the linear probe's accuracy there; without, the run has none. metrics: all that it
    has, in place of the usual ones. minutes: what DVC's cache says of the training.
    """
    tree = settings(**changes)
    method = tree["pretrain"]["method"]
    if metrics is None:
        metrics = {"linear.accuracy": accuracy, "linear.f1": accuracy, "knn.accuracy": 1 - accuracy}
        metrics |= {"raw_pixels.linear.accuracy": 0.5, "supervised.linear.accuracy": accuracy}
        metrics |= {} if validation is None else {"linear.validation_accuracy": validation}
    ours = {key: value for key, value in metrics.items() if key.count(".") == 1}
    theirs = {key: value for key, value in metrics.items() if key.count(".") > 1}
    files = {"src/a.py": code, f"src/methods/{method}.py": method}
    deps = [{"path": path, "md5": md5} for path, md5 in files.items()]
    outs = [{"path": "shared", "md5": "shared", "size": 100}]
    outs += [{"path": "models/pretrain_run.json", "md5": name, "size": size}]
    outs += [{"path": "data/prepared", "md5": data, "size": 0}]
    deps += [{"path": "data/pairs", "md5": pairs}, {"path": "data/weights", "md5": weights}]
    texts = {
        "params.yaml": tree,
        "reports/metrics.json": nested(ours),
        "reports/baselines.json": nested(theirs),
        "reports/pretrain/metrics.json": {"verdict": "healthy"},
        "dvc.lock": {"stages": {"pretrain": {"deps": deps, "outs": outs}}},
    }
    written = {path: json.dumps(value) for path, value in texts.items()}
    written["src/twinview/evaluation/protocol.py"] = f'PROTOCOL = "{protocol}"'
    cached = None if minutes is None else json.dumps({"seconds": 60 * minutes})
    return RecordedRun(name, lambda path: written[str(path)], lambda digest: cached, f"{name:0<40}")


def parted(*runs: RecordedRun, metrics: tuple[str, ...] = ()) -> Compared:
    return side_by_side.side_by_side(runs, metrics, {})


def of(*runs: RecordedRun, metrics: tuple[str, ...] = ()) -> Comparison:
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
    "pretrain__warmup_epochs": 2, "pretrain__monitor_examples": 32, "embed__mirror": False,
    "methods__simclr__temperature": 0.5, "heads__nonlinear__dim": 64, "views__seed": 3,
}  # fmt: skip
