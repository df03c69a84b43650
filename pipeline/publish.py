"""Stage publish: one MLflow row for each execution. It has no outs, so DVC never restores it."""

from collections.abc import Mapping

from twinview.core import entries, files, paths
from twinview.core.csv_files import load_rows
from twinview.data import splits
from twinview.settings import params
from twinview.stages import stage
from twinview.stages.declared import Stage
from twinview.tracking import mlflow_runs, run_names

SECTIONS = (
    "data", "views", "pretrain", "baselines", "embed", "evaluate", "report",
    "sources", "augmentations", "encoders", "heads", "optimizers", "methods", "objectives",
    "tasks", "probes",
)  # fmt: skip

FILES = {
    paths.REPORT: "",
    paths.EVALUATION: "",
    paths.BASELINE_METRICS: "",
    paths.DATA_CARD: "",
    paths.CONTACT_SHEET: "pictures",
    paths.VIEWS_PICTURE: "pictures",
}

STAGE = Stage(
    reads=(
        paths.PREPARED,
        paths.ENCODER,
        paths.EMBEDDER,
        paths.PROBE,
        paths.PRETRAIN_RUN,
        paths.PRETRAIN_STEPS,
        paths.METRICS,
        *FILES,
    ),
    settings=SECTIONS,
    plug_ins=("encoders", "modalities"),
    counted=(
        "twinview.core.commands",
        "twinview.core.dvc_lock",
        "twinview.experiments.",
        "twinview.tracking.",
    ),
)


def main() -> None:
    """Logs every parameter, the metrics, the page, pictures and the encoder."""
    settings = params.load()
    metrics, baselines = map(files.load_json, (paths.METRICS, paths.BASELINE_METRICS))
    declared = entries.recorded(files.load_json(paths.EVALUATION))
    compared = [f"{n}.{declared[n].primary}" for n in entries.of_first_task(declared)]
    prepared = splits.load(paths.PREPARED)
    inputs = prepared.splits["test"].inputs[:4]
    example = prepared.modality.words(inputs, prepared.statistics) or inputs
    row = mlflow_runs.Row(
        name=run_names.row_name(),
        settings=settings.chosen(*SECTIONS),
        metrics=mlflow_runs.row_metrics(metrics, baselines, compared),
        pretrained=files.load_json(paths.PRETRAIN_RUN),
        curves={int(row["step"]): _numbers(row) for row in load_rows(paths.PRETRAIN_STEPS)},
        encoder=(paths.ENCODER, paths.EMBEDDER, paths.PROBE, example),
        files=FILES,
        compared=compared,
    )
    with stage.show_elapsed("publish: the row is written"):
        run_id = mlflow_runs.publish(row)
    print(f"publish: run {run_id} in {mlflow_runs.display_address()}")


def _numbers(row: Mapping[str, str]) -> dict[str, float]:
    return {name: float(value) for name, value in row.items() if name != "step"}


if __name__ == "__main__":
    stage.run(main)
