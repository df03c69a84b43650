"""MLflow's model registry: published encoders, registered models, and which one is champion.

It imports mlflow only inside functions: that takes seconds to load.
"""

import contextlib
import io
import json
import math
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twinview.core.errors import BusyError, DataError
from twinview.experiments.trainings import Trainings
from twinview.release.gate import Reference
from twinview.tracking import mlflow_runs, stores

ALIAS = "champion"
CARD = "MODEL_CARD.md"
_LONGEST = 5000  # what MLflow's databases hold of a description
# Tags of a version: which encoder it is, and its metrics over training seeds.
SAME, SEEDS = "twinview.encoder", "twinview.trainings"


@dataclass(frozen=True)
class Published:
    """A published row with its encoder: what the registry is to know of it."""

    run_id: str
    model_id: str
    params: Mapping[str, str]
    tags: Mapping[str, str]
    inputs: str
    outputs: str


@dataclass(frozen=True)
class Known:
    """A registered version. trainings: how many its metrics are of; none where it has no card."""

    version: str
    is_champion: bool
    trainings: int


def champion(model: str) -> Reference:
    """The champion's metrics, over its training seeds where they were measured."""
    with _registry() as client:
        version = _champion(client, model)
        if version is None:
            return Reference(
                ALIAS, None, f"{model} has none yet in {mlflow_runs.display_address()}"
            )
        found = _trainings(version)
        if not found.values:
            metrics = client.get_logged_model(_model_id(version)).metrics
            found = Trainings({metric.key: (metric.value,) for metric in metrics or []})
    return Reference(f"{ALIAS} {version.version}", found)


def published(metrics: Mapping[str, float], pretrained: str) -> Published:
    """The newest finished row that has these metrics, of this pretraining's encoder.

    Raises DataError when there is none, or its encoder lacks signature or input example.
    """
    with _registry() as client:
        _, experiment = mlflow_runs.connect()
        mine = f"tags.`pretrain.run_id` = '{pretrained}' and attributes.status = 'FINISHED'"
        rows = client.search_runs([experiment], mine, order_by=["attributes.start_time DESC"])
        for row in rows:
            if _has(row.data.metrics, metrics):
                return _with_encoder(client, row)
    raise DataError(
        f"no row of the experiment {mlflow_runs.PIPELINE} in {mlflow_runs.display_address()} has "
        "the results in reports/; `dvc repro` makes them agree, and "
        "`dvc repro --force --single-item publish` writes a row into a store that has none"
    )


def version_of(model: str, encoder: str) -> Known | None:
    """The version that is this encoder, the champion where that is one; None without one."""
    with _registry() as client:
        first = _champion(client, model)
        if first is not None and first.tags.get(SAME) == encoder:
            return Known(str(first.version), True, _trainings(first).count)
        found = client.search_model_versions(f"name = '{model}' and tags.`{SAME}` = '{encoder}'")
        return Known(str(found[0].version), False, _trainings(found[0]).count) if found else None


def register(model: str, row: Published, encoder: str) -> str:
    """Registers a row's encoder; the new version."""
    import mlflow

    tags = {SAME: encoder, "twinview.row": row.run_id}
    with _registry(), contextlib.redirect_stderr(io.StringIO()):  # it says what we say
        made = mlflow.register_model(f"models:/{row.model_id}", model, tags=tags)
    return str(made.version)


def describe(model: str, version: str, card: str, ours: Trainings) -> None:
    """Puts the card beside the model's files, makes what fits of it the version's description, and
    keeps the metrics that it tells of."""
    with _registry() as client, tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / CARD
        path.write_text(card)
        client.log_model_artifact(_model_id(client.get_model_version(model, version)), str(path))
        client.update_model_version(model, version, shortened(card))
        client.set_model_version_tag(model, version, SEEDS, json.dumps(ours.values))


def shortened(card: str) -> str:
    """The card, or as many whole sections of it as a description holds, and where the rest is."""
    if len(card) <= _LONGEST:
        return card
    more = f"\n\nThe card goes on in {CARD}, among the model's files."
    return card[: card.rfind("\n\n#", 0, _LONGEST - len(more))] + more


def crown(model: str, version: str) -> None:
    """Moves the alias champion to a version."""
    with _registry() as client:
        client.set_registered_model_alias(model, ALIAS, version)


@contextlib.contextmanager
def _registry() -> Iterator[Any]:
    """MLflow's client. Raises BusyError when the store does not answer."""
    from mlflow.exceptions import MlflowException

    try:
        yield mlflow_runs.connect()[0]
    except MlflowException as error:
        said = mlflow_runs.mask_passwords(
            f"the model registry in {stores.store()} refuses ({error})"
        )
        raise BusyError(
            f"{said}; start its server, or unset MLFLOW_TRACKING_URI to use mlflow.db"
        ) from None


def _champion(client: Any, model: str) -> Any:
    from mlflow.exceptions import MlflowException

    try:
        aliases = client.get_registered_model(model).aliases
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return None
    return client.get_model_version(model, aliases[ALIAS]) if ALIAS in aliases else None


def _trainings(version: Any) -> Trainings:
    """The metrics that a version's card tells of; none where it was registered by hand."""
    stated = json.loads(version.tags.get(SEEDS, "{}"))
    return Trainings({name: tuple(map(float, of)) for name, of in stated.items()})


def _model_id(version: Any) -> str:
    """Of a version's logged model, which a database of MLflow keeps in the source only."""
    return str(version.model_id or version.source.removeprefix("models:/"))


def _has(row: Mapping[str, float], metrics: Mapping[str, float]) -> bool:
    return all(
        math.isclose(row.get(name, math.nan), value, rel_tol=1e-12)
        for name, value in metrics.items()
    )


def _with_encoder(client: Any, row: Any) -> Published:
    import mlflow

    made = [model.model_id for model in row.outputs.model_outputs] if row.outputs else []
    ids = [model_id for model_id in made if client.get_logged_model(model_id).name == "encoder"]
    if not ids:
        raise DataError(
            f"the row {row.info.run_id} holds no encoder; "
            "`dvc repro --force --single-item publish` writes another"
        )
    about = mlflow.models.get_model_info(f"models:/{ids[-1]}")
    if about.signature is None or about.saved_input_example_info is None:
        raise DataError(
            f"the encoder {ids[-1]} of the row {row.info.run_id} has no signature or no input "
            "example; `dvc repro --force --single-item publish` writes another"
        )
    inputs = (about.metadata or {}).get("takes", about.signature.inputs)  # in words, where it can
    texts = (str(inputs), str(about.signature.outputs))
    return Published(row.info.run_id, ids[-1], row.data.params, row.data.tags, *texts)
