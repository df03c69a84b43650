"""The short table that a finished pipeline ends with."""

from twinview import artifacts, paths


def summary() -> str:
    """Our encoder beside its baselines, one line each; then where to look further."""
    ours = artifacts.load_json(paths.METRICS)
    rows = {paths.OURS: ours} | artifacts.load_json(paths.BASELINE_METRICS)
    tasks = list(ours)
    width = max(len(name) for name in rows)
    lines = ["  ".join([" " * width, *(f"{task:>11}" for task in tasks)])]
    for name, row in rows.items():
        cells = [f"{row[task]['accuracy']:>11.3f}" for task in tasks]
        lines.append("  ".join([f"{name:<{width}}", *cells]))
    verdict = artifacts.load_json(paths.PRETRAIN_METRICS)["verdict"]
    return "\n".join(
        [
            "Accuracy on test, protocol frozen-2 (labels_n: n labels a class, mean of the draws)",
            *lines,
            f"Pretraining: {verdict}.",
            f"Report: {paths.REPORT}",
            "MLflow: make ui",
        ]
    )
