"""Stage publish: one MLflow row for this execution. Without outs, so that it is never restored."""

from twinview import artifacts, params, paths, splits, stage, tracking
from twinview.tables import load_rows

SECTIONS = (
    "data", "views", "pretrain", "baselines", "embed", "evaluate", "report",
    "sources", "augmentations", "encoders", "heads", "optimizers", "methods", "objectives",
    "probes",
)  # fmt: skip


def main() -> None:
    """Logs every parameter, the metrics, the page and the encoder."""
    settings = params.load()
    metrics = artifacts.flat(artifacts.load_json(paths.METRICS))
    baselines = artifacts.flat(artifacts.load_json(paths.BASELINE_METRICS))
    pretrained = artifacts.load_json(paths.PRETRAIN_RUN)
    curves = {
        int(row.pop("step")): {name: float(value) for name, value in row.items()}
        for row in load_rows(paths.PRETRAIN_STEPS)
    }
    example = splits.load(paths.PREPARED).splits["test"].inputs[:4]
    with stage.elapsed("publish: the encoder is exported"):
        run_id = tracking.publish(
            settings.chosen(*SECTIONS),
            metrics | {f"baselines.{name}": value for name, value in baselines.items()},
            pretrained,
            curves,
            [paths.REPORT, paths.EVALUATION, paths.DATA_CARD],
            (paths.ENCODER, paths.PROBE, example),
        )
    print(f"publish: run {run_id} in {tracking.store()}")


if __name__ == "__main__":
    stage.run(main)
