"""MLflow's model registry: published encoders, registered models, and which one is champion.

mlflow is imported inside functions, because it takes seconds to load.
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
_PUBLISH_AGAIN = "`dvc repro --force --single-item publish` writes another"
CARD = "MODEL_CARD.md"
_MAX_DESCRIPTION = 5000  # characters; MLflow's databases hold no more
# Tags of a version: the identity of its encoder, and its metrics over training seeds.
ENCODER_TAG, TRAININGS_TAG = "twinview.encoder", "twinview.trainings"


@dataclass(frozen=True)
class PublishedEncoder:
    """A finished run of the stage publish, and the encoder that it logged."""

    run_id: str
    model_id: str
    params: Mapping[str, str]
    tags: Mapping[str, str]
    inputs: str
    outputs: str


@dataclass(frozen=True)
class RegisteredVersion:
    """A registered version. trainings: how many its metrics come from; 0 without a card."""

    version: str
    is_champion: bool
    trainings: int


def champion_results(model: str) -> Reference:
    """The champion's metrics, over training seeds if several were measured."""
    with _registry() as client:
        version = _champion_version(client, model)
        if version is None:
            return Reference(
                ALIAS, None, f"{model} has none yet in {mlflow_runs.display_address()}"
            )
        results = _trainings(version)
        if not results.values:
            metrics = client.get_logged_model(_model_id(version)).metrics
            results = Trainings({metric.key: (metric.value,) for metric in metrics or []})
    return Reference(f"{ALIAS} {version.version}", results)


def find_published(metrics: Mapping[str, float], pretrained: str) -> PublishedEncoder:
    """The newest published encoder of this pretraining that has these metrics.

    pretrained: the MLflow run of the pretraining. Raises DataError when there is none, or when the
    encoder has no signature or no input example.
    """
    with _registry() as client:
        _, experiment = mlflow_runs.connect()
        query = f"tags.`pretrain.run_id` = '{pretrained}' and attributes.status = 'FINISHED'"
        rows = client.search_runs([experiment], query, order_by=["attributes.start_time DESC"])
        for row in rows:
            if _has_metrics(row.data.metrics, metrics):
                return _published_encoder(client, row)
    raise DataError(
        f"no row of the experiment {mlflow_runs.PIPELINE} in {mlflow_runs.display_address()} has "
        "the results in reports/; `dvc repro` makes them agree, and "
        "`dvc repro --force --single-item publish` writes a row into a store that has none"
    )


def find_version(model: str, encoder: str) -> RegisteredVersion | None:
    """The version that holds this encoder, or None. If several do, the champion comes first."""
    with _registry() as client:
        champion = _champion_version(client, model)
        if champion is not None and champion.tags.get(ENCODER_TAG) == encoder:
            return RegisteredVersion(str(champion.version), True, _trainings(champion).count)
        found = client.search_model_versions(
            f"name = '{model}' and tags.`{ENCODER_TAG}` = '{encoder}'"
        )
        return (
            RegisteredVersion(str(found[0].version), False, _trainings(found[0]).count)
            if found
            else None
        )


def register(model: str, row: PublishedEncoder, encoder: str) -> str:
    """Registers a published encoder; returns the new version."""
    import mlflow

    tags = {ENCODER_TAG: encoder, "twinview.row": row.run_id}
    with _registry(), contextlib.redirect_stderr(io.StringIO()):  # MLflow prints the version
        registered = mlflow.register_model(f"models:/{row.model_id}", model, tags=tags)
    return str(registered.version)


def attach_card(model: str, version: str, card: str, ours: Trainings) -> None:
    """Stores the card among the model's files, as the description, and its metrics as a tag.

    Parameters
    ----------
    model, version : which registered version.
    card : Markdown; as much of it as fits becomes the description.
    ours : the metrics that the card shows.
    """
    with _registry() as client, tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / CARD
        path.write_text(card)
        client.log_model_artifact(_model_id(client.get_model_version(model, version)), str(path))
        client.update_model_version(model, version, shorten(card))
        client.set_model_version_tag(model, version, TRAININGS_TAG, json.dumps(ours.values))


def shorten(card: str) -> str:
    """The card, or as many whole sections as fit into a description, and where the rest is."""
    if len(card) <= _MAX_DESCRIPTION:
        return card
    pointer = f"\n\nThe card goes on in {CARD}, among the model's files."
    return card[: card.rfind("\n\n#", 0, _MAX_DESCRIPTION - len(pointer))] + pointer


def set_champion(model: str, version: str) -> None:
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
        raise BusyError.at(
            mlflow_runs.mask_passwords(f"the model registry in {stores.store()}"),
            mlflow_runs.mask_passwords(f"gives an error ({error})"),
            "start its server, or unset MLFLOW_TRACKING_URI to use mlflow.db",
        ) from None


def _champion_version(client: Any, model: str) -> Any:
    from mlflow.exceptions import MlflowException

    try:
        aliases = client.get_registered_model(model).aliases
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return None
    return client.get_model_version(model, aliases[ALIAS]) if ALIAS in aliases else None


def _trainings(version: Any) -> Trainings:
    """The metrics in a version's tag; none when the version was registered by hand."""
    metrics = json.loads(version.tags.get(TRAININGS_TAG, "{}"))
    return Trainings({name: tuple(map(float, values)) for name, values in metrics.items()})


def _model_id(version: Any) -> str:
    """The id of a version's logged model; MLflow's databases keep it in the source only."""
    return str(version.model_id or version.source.removeprefix("models:/"))


def _has_metrics(row: Mapping[str, float], metrics: Mapping[str, float]) -> bool:
    return all(
        math.isclose(row.get(name, math.nan), value, rel_tol=1e-12)
        for name, value in metrics.items()
    )


def _published_encoder(client: Any, row: Any) -> PublishedEncoder:
    import mlflow

    logged = [model.model_id for model in row.outputs.model_outputs] if row.outputs else []
    ids = [model_id for model_id in logged if client.get_logged_model(model_id).name == "encoder"]
    if not ids:
        raise DataError.at(f"the row {row.info.run_id}", "has no encoder", _PUBLISH_AGAIN)
    info = mlflow.models.get_model_info(f"models:/{ids[-1]}")
    if info.signature is None or info.saved_input_example_info is None:
        raise DataError.at(
            f"the encoder {ids[-1]} of the row {row.info.run_id}",
            "has no signature or no input example",
            _PUBLISH_AGAIN,
        )
    # "takes" is the input in words, which the signature cannot say.
    inputs = (info.metadata or {}).get("takes", info.signature.inputs)
    texts = (str(inputs), str(info.signature.outputs))
    return PublishedEncoder(row.info.run_id, ids[-1], row.data.params, row.data.tags, *texts)
