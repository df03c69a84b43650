"""The short table that a finished pipeline ends with."""

from pathlib import Path
from typing import Any

from twinview import artifacts, paths
from twinview.errors import DataError


def summary() -> str:
    """Our encoder beside its baselines, one line each; then where to look further."""
    found = results()
    rows = found["results"]
    tasks = list(rows[paths.OURS])
    width = max(len(name) for name in rows)
    lines = ["  ".join([" " * width, *(f"{task:>11}" for task in tasks)])]
    for name, row in rows.items():
        cells = [f"{row[task]['accuracy']:>11.3f}" for task in tasks]
        lines.append("  ".join([f"{name:<{width}}", *cells]))
    return "\n".join(
        [
            "Accuracy on test, protocol frozen-3 (_n: with n labels a class, mean of the draws)",
            *lines,
            f"Pretraining: {found['verdict']}.",
            f"Report: {paths.REPORT}",
            "MLflow: make ui",
        ]
    )


def results() -> dict[str, Any]:
    """The same numbers by contender, task and metric, the verdict of the training, the page.

    Raises DataError for a file that is not what its stage writes.
    """
    ours, baselines, trained = (
        artifacts.load_json(path)
        for path in (paths.METRICS, paths.BASELINE_METRICS, paths.PRETRAIN_METRICS)
    )
    _require(paths.METRICS, _is_scores(ours) and ours)
    _require(paths.BASELINE_METRICS, isinstance(baselines, dict))
    tasks = set(ours)
    for of in baselines.values():
        _require(paths.BASELINE_METRICS, _is_scores(of) and tasks <= set(of))
    _require(paths.PRETRAIN_METRICS, isinstance(trained, dict) and "verdict" in trained)
    return {
        "results": {paths.OURS: ours} | baselines,
        "verdict": trained["verdict"],
        "report": str(paths.REPORT),
    }


def _is_scores(value: Any) -> bool:
    """Whether it has an accuracy for each task."""
    return isinstance(value, dict) and all(
        isinstance(of, dict) and isinstance(of.get("accuracy"), float) for of in value.values()
    )


def _require(path: Path, claim: object) -> None:
    if not claim:
        raise DataError(f"{path} is not what `dvc repro` wrote; delete it, and run that again")
