"""Where each stage of dvc.yaml reads and writes, relative to the project's folder."""

import os
from pathlib import Path, PurePath

PREPARED = Path("data/prepared")
PREPARED_INDEX = PREPARED / "index.json"
VIEWS = Path("data/views")
BASELINES = Path("data/baselines")
EMBEDDINGS = Path("data/embeddings")
PROJECTIONS = Path("data/projections")
# The names of EMBEDDINGS and PROJECTIONS among the contenders; the others are folders of BASELINES.
OURS, OURS_Z = "encoder", "encoder_z"
ENCODER = Path("models/encoder")
HEAD = Path("models/head")
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

# Everything that stages write, a folder where the name has no suffix.
OUTS = (
    PREPARED, VIEWS, BASELINES, EMBEDDINGS, PROJECTIONS, ENCODER, HEAD, PROBE, PRETRAIN_RUN,
    DATA_CARD, CONTACT_SHEET, VIEWS_PICTURE, PRETRAIN_METRICS, PRETRAIN_STEPS, PRETRAIN_EPOCHS,
    METRICS, BASELINE_METRICS, BASELINE_DETAILS, EVALUATION, PREDICTIONS, REPORT,
)  # fmt: skip

# DVC's folder for what no commit holds: locks, its copies of the project.
SCRATCH = Path(".dvc", "tmp")
COPIES = SCRATCH / "exps"
# Of unfinished trainings, in the project of DVC's temporary copies too; DVC knows nothing of them.
CHECKPOINTS = SCRATCH / "twinview/checkpoints"


def below(name: str) -> str:
    """The path itself. Raises ValueError when it leads out of the folder that it is relative to."""
    path = PurePath(name)
    if path.is_absolute() or ".." in path.parts:
        raise ValueError(
            "leads out of the project's folder; name a path in it, and put there what it is to "
            "find, or a link to it"
        )
    return name


def root() -> Path:
    """The project's folder; in a temporary copy that DVC makes, the folder it was copied from.

    DVC names that one in DVC_ROOT, and leaves the variable as it is where a shell has exported it.
    So it counts only where the current folder is among the copies of the folder that it names.
    """
    here, named = Path.cwd(), Path(os.environ.get("DVC_ROOT", ".")).absolute()
    return named if here.is_relative_to((named / COPIES).resolve()) else here
