"""Where each stage of dvc.yaml reads and writes, relative to the project's folder."""

import os
from pathlib import Path, PurePath

LABELLED_PAIRS = Path("data/pairs")  # the user's files
WEIGHTS = Path("data/weights")  # the user's files: weights that encoders start from
PREPARED = Path("data/prepared")
SCAN = Path("data/scan.json")  # what `twinview scan` found in the folder of the source
PREPARED_INDEX = PREPARED / "index.json"
LABELS_INDEX = PREPARED / "labels/used/index.json"
# What a training reads: inputs of two splits, and labels if pretrain.labels says so.
TRAINING_DATA = (
    PREPARED_INDEX,
    PREPARED / "train.safetensors",
    PREPARED / "validation.safetensors",
    "data/prepared/labels/${pretrain.labels}",
)
EXAMPLES = PREPARED / "examples.parquet"
VIEWS = Path("data/views")
# What views of validation and test examples are rendered from, for tasks that measure them.
SAMPLED_VIEWS = (
    PREPARED_INDEX,
    PREPARED / "validation.safetensors",
    PREPARED / "test.safetensors",
    VIEWS,
)
# A local cache of the stage prepare, which DVC does not track. It lies below root(), so that DVC's
# temporary copies of the project share it.
DECODED = Path("data/decoded")
BASELINES = Path("data/baselines")
EMBEDDINGS = Path("data/embeddings")
PROJECTIONS = Path("data/projections")
# The names under which EMBEDDINGS and PROJECTIONS are evaluated. The other contenders have the
# names of their folders in BASELINES.
OURS, OURS_Z = "encoder", "encoder_z"
ENCODER = Path("models/encoder")
HEAD = Path("models/head")
EMBEDDER = Path("models/embedder")
PROBE = Path("models/probe")
PRETRAIN_RUN = Path("models/pretrain_run.json")

DATA_CARD = Path("reports/data/card.json")
CONTACT_SHEET = Path("reports/data/contact_sheet.png")
VIEWS_PICTURE = Path("reports/views.png")
PRETRAIN_METRICS = Path("reports/pretrain/metrics.json")
PRETRAIN_STEPS = Path("reports/pretrain/steps.csv")
PRETRAIN_EPOCHS = Path("reports/pretrain/epochs.csv")
METRICS = Path("reports/metrics.json")
BASELINE_METRICS = Path("reports/baselines.json")
BASELINE_DETAILS = Path("reports/baselines_evaluation.json")
EVALUATION = Path("reports/evaluation.json")
PREDICTIONS = Path("reports/predictions.csv")
REPORT = Path("reports/report.html")

# Everything that stages write. A name without a suffix is that of a folder.
OUTS = (
    PREPARED, VIEWS, BASELINES, EMBEDDINGS, PROJECTIONS, ENCODER, HEAD, EMBEDDER,
    PROBE, PRETRAIN_RUN,
    DATA_CARD, CONTACT_SHEET, VIEWS_PICTURE, PRETRAIN_METRICS, PRETRAIN_STEPS, PRETRAIN_EPOCHS,
    METRICS, BASELINE_METRICS, BASELINE_DETAILS, EVALUATION, PREDICTIONS, REPORT,
)  # fmt: skip

# DVC's folder for what is in no commit: locks, and DVC's temporary copies of the project.
SCRATCH = Path(".dvc", "tmp")
COPIES = SCRATCH / "exps"
# Checkpoints of unfinished trainings. Those of DVC's temporary copies lie in the project too, and
# DVC does not track them.
CHECKPOINTS = SCRATCH / "twinview/checkpoints"


def inside_project(name: str) -> str:
    """The path itself. Raises ValueError when it leads out of the project's folder."""
    path = PurePath(name)
    if path.is_absolute() or ".." in path.parts:
        raise ValueError(
            "leads out of the project's folder; name a path inside, and put the files, or a link "
            "to them, there"
        )
    return name


def root() -> Path:
    """The project's folder; in one of DVC's temporary copies, the folder that was copied.

    DVC names that folder in DVC_ROOT, but does not overwrite a DVC_ROOT that a shell has
    exported. So the variable counts only when the current folder is among the copies of the folder
    it names.
    """
    current = Path.cwd()
    original = Path(os.environ.get("DVC_ROOT", ".")).absolute()
    is_copy = current.is_relative_to((original / COPIES).resolve())
    return original if is_copy else current
