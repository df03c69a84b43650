"""What MLflow's pages first show of an experiment: its kind, description, and a shared view.

MLflow has no setting for the columns of its table. It has views that people share, which are stored
as tags of the experiment and opened by their key in the address.
"""

import json
from collections.abc import Sequence

VIEW = "twinview"
TAG = f"mlflow.sharedViewState.{VIEW}"

# In the order in which they are shown.
_DATA = "tags.`data.digest`"
_SETTINGS = ("params.`pretrain.method`", "params.`pretrain.epochs`", "params.`pretrain.seed`")
_ORIGIN = ("tags.`twinview.experiment`", "attributes.`Version`", "attributes.`Dataset`")
_ROWS = (
    "params.`data.source`", _DATA,
    *_SETTINGS,
    "metrics.`pretrain.minutes`", "tags.`pretrain.verdict`", "attributes.`Models`",
    *_ORIGIN,
)  # fmt: skip
_TRAININGS = (
    "metrics.`loss`", "metrics.`validation_knn`", "tags.`verdict`",
    "tags.`data.source`", _DATA,
    *_SETTINGS,
    "tags.`failure`", "metrics.`effective_rank`", "metrics.`examples_per_second`",
    *_ORIGIN,
)  # fmt: skip
_WIDTH = 110  # px, so that a laptop shows the first two beside MLflow's Assistant


def of_rows(metrics: Sequence[str] = ()) -> dict[str, str]:
    """Tags of the experiment that has a row for each executed pipeline.

    metrics: those that the rows are compared by; before the first row nothing is known of them.
    """
    shown = [f"metrics.`{name}`" for name in metrics]
    columns = [*shown[:1], _ROWS[0], *shown[1:], *_ROWS[1:]]
    note = (
        "One row for each executed pipeline: its settings, commit, data, final metrics, page "
        "(`report.html`), pictures and encoder. The description of a row leads to the run that "
        "pretrained its encoder."
    )
    return _tags(note, columns)


def of_trainings() -> dict[str, str]:
    """Tags of the experiment that has a run for each real pretraining."""
    note = (
        "One run for each pretraining, with its live curves. A failed one says why in the tag "
        "`failure`; one that was killed goes on in the same run."
    )
    return _tags(note, _TRAININGS)


def address(experiment: str) -> str:
    """The path, to follow a server's address, that opens an experiment in our view."""
    kind = "workflowType=machine_learning"  # hides what MLflow shows for language models
    return f"/#/experiments/{experiment}/runs?{kind}&viewStateShareKey={VIEW}"


def _tags(note: str, columns: Sequence[str]) -> dict[str, str]:
    view = {
        "selectedColumns": columns,
        "columnOrder": columns,
        "columnWidths": dict.fromkeys(columns, _WIDTH),
    }
    return {
        "mlflow.experimentKind": "custom_model_development",
        "mlflow.note.content": note,
        TAG: json.dumps(view),
    }
