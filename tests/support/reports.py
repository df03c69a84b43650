"""Reports as a pipeline leaves them, written into a folder, and a gate for them."""

import json
from collections.abc import Sequence
from pathlib import Path

from twinview.experiments import identity
from twinview.experiments.recorded_run import in_folder
from twinview.settings.sections import Gate

GATE = Gate(
    floors={"linear.accuracy": 0.9, "knn.accuracy": 0.85},
    drops={"linear.accuracy": 0.01},
    better_than_raw=("linear.accuracy",),
    verdicts=("healthy", "slow"),
    model="encoder",
)


def report(
    folder: Path,
    linear: str = "0.91",
    knn: str = "0.86",
    verdict: str = "healthy",
    raw: str = "0.84",
) -> Path:
    """Writes what the pipeline leaves in reports/; numbers as text, so that NaN is possible."""
    (folder / "reports/pretrain").mkdir(parents=True, exist_ok=True)
    (folder / "reports/pretrain/metrics.json").write_text(json.dumps({"verdict": verdict}))
    text = f'{{"linear": {{"accuracy": {linear}}}, "knn": {{"accuracy": {knn}}}}}'
    (folder / "reports/metrics.json").write_text(text)
    raw_text = f'{{"raw_pixels": {{"linear": {{"accuracy": {raw}}}}}}}'
    (folder / "reports/baselines.json").write_text(raw_text)
    return folder


def seeds(folder: Path, **metrics: Sequence[float]) -> None:
    """Writes reports/seeds.json; names with __ for the dot. Others are alike in each training.

    The training that is here is the first that has its metrics, or the first of all.
    """
    if not (folder / "params.yaml").exists():
        (folder / "params.yaml").write_text("pretrain: {method: simclr, seed: 4}")
    run = in_folder(folder)
    own = run.results
    named = {name.replace("__", "."): list(values) for name, values in metrics.items()}
    n = len(next(iter(named.values())))
    whole = {name: [value] * n for name, value in own.items()} | named
    equal = [i for i in range(n) if all(whole[name][i] == own[name] for name in own)]
    first = run.seed - next(iter(equal), 0)
    value = {
        "settings": identity.digest(run.in_effect, None),
        "seeds": list(range(first, first + n)),
        "metrics": whole,
        "hardware": "2 cores",
        "versions": "torch 2",
    }
    (folder / "reports/seeds.json").write_text(json.dumps(value))
