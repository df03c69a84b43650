"""The short table that a finished pipeline ends with."""

from typing import Any

from twinview import artifacts, paths


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
    """The same numbers by contender, task and metric, the verdict of the training, the page."""
    return {
        "results": {paths.OURS: artifacts.load_json(paths.METRICS)}
        | artifacts.load_json(paths.BASELINE_METRICS),
        "verdict": artifacts.load_json(paths.PRETRAIN_METRICS)["verdict"],
        "report": str(paths.REPORT),
    }
