"""What MLflow's pages show of an experiment at first: kind, description, and a shared view.

MLflow has no setting for the columns of its table; what it has is views that people share, kept as
tags of the experiment and opened by their key in the address.
"""

import json
from collections.abc import Sequence

VIEW = "twinview"

_ROWS = (
    "attributes.`Version`", "attributes.`Dataset`",
    "params.`pretrain.method`", "params.`pretrain.epochs`", "params.`pretrain.seed`",
    "metrics.`linear.accuracy`", "metrics.`knn.accuracy`", "metrics.`pretrain.minutes`",
    "tags.`pretrain.verdict`", "attributes.`Models`",
)  # fmt: skip
_TRAININGS = (
    "attributes.`Version`", "attributes.`Dataset`",
    "params.`pretrain.method`", "params.`pretrain.epochs`", "params.`pretrain.seed`",
    "metrics.`loss`", "metrics.`validation_knn`", "metrics.`effective_rank`",
    "metrics.`examples_per_second`", "tags.`verdict`", "tags.`failure`",
)  # fmt: skip


def of_rows() -> dict[str, str]:
    """Tags of the experiment that has a row for each executed pipeline."""
    note = (
        "One row for each executed pipeline: its settings, commit, data, final metrics, page "
        "(`report.html`), plots and encoder. The description of a row leads to the run that "
        "pretrained its encoder."
    )
    return _tags(note, _ROWS)


def of_trainings() -> dict[str, str]:
    """Tags of the experiment that has a run for each real pretraining."""
    note = (
        "One run for each pretraining, with its live curves. A failed one says why in the tag "
        "`failure`; one that was killed goes on in the same run."
    )
    return _tags(note, _TRAININGS)


def address(experiment: str) -> str:
    """The part of a page's address, after the server's, that opens an experiment in our view."""
    return f"/#/experiments/{experiment}/runs?viewStateShareKey={VIEW}"


def _tags(note: str, columns: Sequence[str]) -> dict[str, str]:
    return {
        "mlflow.experimentKind": "custom_model_development",
        "mlflow.note.content": note,
        f"mlflow.sharedViewState.{VIEW}": json.dumps({"selectedColumns": columns}),
    }
