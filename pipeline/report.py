"""Stage report: a page with all results of the pipeline."""

from pathlib import Path

from twinview.compute import devices
from twinview.core import files, paths
from twinview.core.csv_files import load_rows
from twinview.data import splits
from twinview.data.examples import load_examples
from twinview.experiments import lock_file, metric_names
from twinview.models import embeddings
from twinview.reporting.costs import format_size
from twinview.reporting.inline import file_uri
from twinview.reporting.page import StageOutputs, page
from twinview.settings import params
from twinview.stages import outlook, stage
from twinview.stages.declared import Stage

SECTIONS = (
    "data", "views", "pretrain", "baselines", "embed", "evaluate", "report",
    "augmentations", "encoders", "heads", "optimizers", "methods", "objectives", "tasks",
    "probes",
)  # fmt: skip
UPSTREAM = (
    "prepare", "views", "baselines", "pretrain", "embed", "evaluate_baselines", "evaluate",
)  # fmt: skip

STAGE = Stage(
    reads=(
        paths.EMBEDDINGS,
        paths.BASELINES,
        paths.PREPARED,
        paths.DATA_CARD,
        paths.PRETRAIN_RUN,
        paths.EVALUATION,
        paths.PREDICTIONS,
        paths.PRETRAIN_EPOCHS,
        paths.PRETRAIN_METRICS,
        paths.PRETRAIN_STEPS,
        paths.VIEWS_PICTURE,
    ),
    settings=SECTIONS,
    plug_ins=("modalities",),  # they say how inputs are shown
    writes=(paths.REPORT,),
    # The page shows the outs that dvc.lock records.
    counted=("twinview.core.dvc_lock", "twinview.experiments."),
)


def main() -> None:
    """Reads the outs of the earlier stages and writes the page."""
    settings = params.load()
    options = settings.report
    devices.set_threads(settings.pretrain.threads)
    outputs = StageOutputs(
        settings=settings.chosen(*SECTIONS),
        evaluation=files.load_json(paths.EVALUATION),
        predictions=load_rows(paths.PREDICTIONS),
        pretrained=files.load_json(paths.PRETRAIN_METRICS),
        steps=load_rows(paths.PRETRAIN_STEPS),
        epochs=load_rows(paths.PRETRAIN_EPOCHS),
        run=files.load_json(paths.PRETRAIN_RUN),
        prepared=splits.load(paths.PREPARED),
        examples=load_examples(paths.EXAMPLES),
        card=files.load_json(paths.DATA_CARD),
        features=embeddings.load(paths.EMBEDDINGS),
        raw=embeddings.load(raw_baseline()),
        views_picture=file_uri(paths.VIEWS_PICTURE),
        outs=lock_file.recorded_outs(UPSTREAM),
        stage_seconds=outlook.taken(),
    )
    html = page(
        outputs,
        points=options.points,
        queries=options.queries,
        neighbours=options.neighbours,
        seed=options.seed,
    )
    with files.atomic_file(paths.REPORT) as temporary:
        temporary.write_text(html, encoding="utf-8")
    print(f"report: {paths.REPORT}, {format_size(len(html.encode()))}")


def raw_baseline() -> Path:
    """The folder of the features of raw inputs, of which there is one for each modality."""
    folders = (paths.BASELINES / name for name in metric_names.RAW)
    return next(folder for folder in folders if folder.is_dir())


if __name__ == "__main__":
    stage.run(main)
