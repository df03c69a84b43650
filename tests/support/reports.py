"""Reports as a pipeline leaves them, written into a folder."""

import json
from collections.abc import Sequence
from pathlib import Path

from twinview.experiments import dvc_experiments, seeding


def report(
    folder: Path,
    linear: str = "0.91",
    knn: str = "0.86",
    verdict: str = "learning",
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
    read = dvc_experiments.in_folder(folder)
    if not (folder / "params.yaml").exists():
        (folder / "params.yaml").write_text("pretrain: {method: simclr, seed: 4}")
    own, tree = seeding.results(read), seeding.settings(read)
    named = {name.replace("__", "."): list(values) for name, values in metrics.items()}
    n = len(next(iter(named.values())))
    whole = {name: [value] * n for name, value in own.items()} | named
    equal = [i for i in range(n) if all(whole[name][i] == own[name] for name in own)]
    first = tree["pretrain"]["seed"] - next(iter(equal), 0)
    value = {
        "settings": seeding.digest(tree, None),
        "seeds": list(range(first, first + n)),
        "metrics": whole,
        "hardware": "2 cores",
        "versions": "torch 2",
    }
    (folder / "reports/seeds.json").write_text(json.dumps(value))
