"""Stage publish: one MLflow row for each execution. It has no outs, so DVC never restores it."""

from collections.abc import Mapping, Sequence

from twinview.core import files, paths
from twinview.core.csv_files import load_rows
from twinview.data import splits
from twinview.reporting import plots
from twinview.settings import params
from twinview.stages import stage
from twinview.stages.declared import Stage
from twinview.tracking import mlflow_runs, run_names

SECTIONS = (
    "data", "views", "pretrain", "baselines", "embed", "evaluate", "report",
    "sources", "augmentations", "encoders", "heads", "optimizers", "methods", "objectives",
    "probes",
)  # fmt: skip

FILES = {
    paths.REPORT: "",
    paths.EVALUATION: "",
    paths.BASELINE_METRICS: "",
    paths.DATA_CARD: "",
    paths.CONTACT_SHEET: "plots",
    paths.VIEWS_PICTURE: "plots",
}

STAGE = Stage(
    reads=(
        paths.PREPARED,
        paths.ENCODER,
        paths.PROBE,
        paths.PRETRAIN_RUN,
        paths.PRETRAIN_STEPS,
        paths.PRETRAIN_EPOCHS,
        paths.METRICS,
        paths.PREDICTIONS,
        *FILES,
    ),
    settings=SECTIONS,
    plug_ins=("encoders", "modalities"),
    counted=("twinview.core.commands", "twinview.experiments.", "twinview.tracking."),
)


def main() -> None:
    """Logs all settings, the metrics, the page, plots and the encoder."""
    settings = params.load()
    metrics, baselines = map(files.load_json, (paths.METRICS, paths.BASELINE_METRICS))
    steps, epochs = load_rows(paths.PRETRAIN_STEPS), load_rows(paths.PRETRAIN_EPOCHS)
    predictions = load_rows(paths.PREDICTIONS)
    confusions = {
        f"confusion_{name}": plots.confusion(predictions, name) for name in _probes(predictions)
    }
    example = splits.load(paths.PREPARED).splits["test"].inputs[:4]
    row = mlflow_runs.Row(
        name=run_names.of_row(),
        settings=settings.chosen(*SECTIONS),
        metrics=mlflow_runs.row_metrics(metrics, baselines),
        pretrained=files.load_json(paths.PRETRAIN_RUN),
        curves={int(row["step"]): _numbers(row) for row in steps},
        encoder=(paths.ENCODER, paths.PROBE, example),
        files=FILES,
        figures={"pretraining": plots.curves(steps, epochs)} | confusions,
    )
    with stage.show_elapsed("publish: the row is written"):
        run_id = mlflow_runs.publish(row)
    print(f"publish: run {run_id} in {mlflow_runs.place()}")


def _numbers(row: Mapping[str, str]) -> dict[str, float]:
    return {name: float(value) for name, value in row.items() if name != "step"}


def _probes(predictions: Sequence[Mapping[str, str]]) -> list[str]:
    return [name for name in predictions[0] if name not in ("id", "actual")]


if __name__ == "__main__":
    stage.run(main)
