"""Promotion, with a real store: what is registered, what becomes champion, and what does not."""

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import mlflow
import numpy as np
import pytest
from mlflow.entities import LoggedModelOutput, Metric, Param
from mlflow.entities.model_registry import ModelVersion

from tests.support.copies import enter_copy
from tests.support.finished import results
from tests.support.reports import seeds
from twinview.core.errors import BusyError, DataError
from twinview.experiments.trainings import Trainings
from twinview.release import champions
from twinview.release.gate import Reference
from twinview.release.promotion import Promotion, promote
from twinview.settings.sections import Gate
from twinview.stages.stage import folder_lock
from twinview.tracking import mlflow_runs

# MLflow and what it stands on use much that will go; that is theirs to mend.
pytestmark = [
    pytest.mark.filterwarnings(f"ignore::{kind}")
    for kind in ("DeprecationWarning", "PendingDeprecationWarning", "FutureWarning")
] + [pytest.mark.filterwarnings("ignore:.*Add type hints to the `predict` method:UserWarning")]
Publish = Callable[..., str]
EXAMPLE = np.zeros((2, 1, 4, 4), np.uint8)


PREDICTOR = """
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel

class Tiny(PythonModel):
    def predict(self, context, model_input, params=None):
        return model_input.reshape(len(model_input), -1) * 2.0

set_model(Tiny())
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's folder; its store is set up once, which takes seconds."""
    return tmp_path_factory.mktemp("project")


@pytest.fixture(scope="module")
def logged(root: Path) -> str:
    """A logged model with signature and example, which every row of these tests has; its id."""
    (root / "predictor.py").write_text(PREDICTOR)
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of mlflow.pyfunc's own import, as in tracking
        patch.chdir(root)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)  # MLflow sets it, in other tests
        _, experiment = mlflow_runs.connect()
        with mlflow.start_run(experiment_id=experiment):
            info = mlflow.pyfunc.log_model(
                name="encoder",
                python_model=str(root / "predictor.py"),
                input_example=EXAMPLE,
                pip_requirements=["mlflow"],
            )
            mlflow.log_metric("linear.accuracy", 0.875, model_id=info.model_id)
    return str(info.model_id)


@pytest.fixture(autouse=True)
def project(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    copy = enter_copy(root, monkeypatch)
    (copy / ".dvc").mkdir()
    yield copy
    mlflow.set_tracking_uri(None)


@pytest.fixture
def row(project: Path, logged: str) -> Publish:
    """Publishes as the stage does: a row with settings, metrics and an encoder; its run id."""

    def publish(accuracy: float, name: str = "", status: str = "FINISHED") -> str:
        own = results(Path(), accuracy, name)
        client, experiment = mlflow_runs.connect()
        run = client.create_run(experiment, tags={"pretrain.run_id": own, "twinview.commit": "abc"})
        run_id = str(run.info.run_id)
        stated = {"pretrain.method": "simclr", "report.points": 9, "data.seed": 4}
        metrics = {"linear.accuracy": accuracy, "knn.accuracy": 0.86, "loss": 2.0}
        metrics["versus.raw_pixels.linear.accuracy"] = 0.84
        client.log_batch(
            run_id,
            metrics=[Metric(key, value, 0, 0) for key, value in metrics.items()],
            params=[Param(key, str(value)) for key, value in stated.items()],
        )
        client.log_outputs(run_id, [LoggedModelOutput(logged, 0)])
        client.set_terminated(run_id, status=status)
        return run_id

    return publish


@pytest.fixture
def gate(request: pytest.FixtureRequest) -> Gate:
    """A registered model of its own for each test."""
    return Gate(
        floors={"linear.accuracy": 0.8},
        drops={"linear.accuracy": 0.01},
        better_than_raw=("linear.accuracy",),
        verdicts=("healthy",),
        model=request.node.name.replace("[", "-").replace("]", ""),
    )


def promoted(gate: Gate, *references: Reference) -> Promotion:
    return promote(gate, "params.yaml", references)


def versions(gate: Gate) -> list[ModelVersion]:
    found = mlflow_runs.connect()[0].search_model_versions(f"name = '{gate.model}'")
    return sorted(found, key=lambda version: int(version.version))


def champion_of(gate: Gate) -> str | None:
    found = champions.champion_results(gate.model)
    return found.name.partition(" ")[2] or None


def test_the_first_promotion_registers_and_crowns_without_a_champion(
    row: Publish, gate: Gate
) -> None:
    run_id = row(0.9)
    done = promoted(gate)
    assert (done.version, done.registered) == ("1", True)
    assert [c.holds for c in done.checks if c.against == "champion"] == [None]
    (version,) = versions(gate)
    assert champion_of(gate) == "1" and version.tags["twinview.row"] == run_id


def test_the_version_has_signature_and_example_and_gives_what_was_logged(
    row: Publish, gate: Gate
) -> None:
    row(0.9)
    promoted(gate)
    uri = f"models:/{gate.model}@champion"
    info = mlflow.models.get_model_info(uri)
    assert info.signature and info.signature.inputs.inputs[0].shape == (-1, 1, 4, 4)
    assert info.saved_input_example_info
    model = mlflow.pyfunc.load_model(uri)
    assert (model.predict(EXAMPLE + 3) == 6).all()


def test_the_card_is_the_version_s_description_and_lies_beside_the_model(
    row: Publish, gate: Gate, tmp_path: Path
) -> None:
    row(0.9)
    promoted(gate)
    (version,) = versions(gate)
    uri = f"models:/{gate.model}@champion/{champions.CARD}"
    text = Path(mlflow.artifacts.download_artifacts(uri, dst_path=str(tmp_path))).read_text()
    assert version.description == text and text.startswith(f"# {gate.model}, version 1\n")


def test_a_long_card_is_described_by_its_first_sections() -> None:
    """SQLite takes any length; PostgreSQL and MySQL refuse more than the column's 5,000."""
    parts = [f"## {name}\n\n{name * 1500}\n\n" for name in "abcd"]
    card = "".join(parts)
    assert champions.shorten(card[:5000]) == card[:5000]
    said = champions.shorten(card)
    assert said == "".join(parts[:3]).rstrip() + (
        "\n\nThe card goes on in MODEL_CARD.md, among the model's files."
    )
    assert len(champions.shorten("".join(parts[:3]) + "\n\n## d" * 400)) <= 5000


def test_a_second_promotion_of_the_same_encoder_registers_nothing(row: Publish, gate: Gate) -> None:
    row(0.9)
    promoted(gate)
    row(0.9)  # the same results under another row, as a forced publish makes
    again = promoted(gate)
    assert (again.version, again.registered, again.checks) == ("1", False, [])
    assert len(versions(gate)) == 1 and champion_of(gate) == "1"


def test_where_the_gate_fails_nothing_is_registered(row: Publish, gate: Gate) -> None:
    row(0.7)
    done = promoted(gate)
    assert done.version is None and not done.registered
    assert [c.against for c in done.checks if c.holds is False] == ["floor", "raw pixels"]
    assert versions(gate) == [] and champion_of(gate) is None


def test_a_better_encoder_takes_the_alias_and_a_worse_one_does_not(
    row: Publish, gate: Gate
) -> None:
    row(0.9)
    promoted(gate)
    row(0.95)
    assert promoted(gate).version == "2" and champion_of(gate) == "2"
    row(0.93)
    refused = promoted(gate)
    assert refused.version is None and champion_of(gate) == "2" and len(versions(gate)) == 2
    failed = [check for check in refused.checks if check.holds is False]
    assert [(check.name, check.against) for check in failed] == [("linear.accuracy", "champion 2")]


def test_another_reference_can_refuse_too(row: Publish, gate: Gate) -> None:
    row(0.9)
    base = Reference("baseline abc", Trainings({"linear.accuracy": (0.92,)}))
    assert promoted(gate, base).version is None and versions(gate) == []


def test_an_encoder_that_is_registered_is_only_crowned(row: Publish, gate: Gate) -> None:
    row(0.9)
    promoted(gate)
    row(0.95)
    promoted(gate)
    mlflow_runs.connect()[0].set_registered_model_alias(gate.model, champions.ALIAS, "1")
    done = promoted(gate)
    assert (done.version, done.registered) == ("2", False) and done.checks
    assert champion_of(gate) == "2" and len(versions(gate)) == 2


def test_one_that_was_killed_after_registering_is_finished(
    row: Publish, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    row(0.9)
    with monkeypatch.context() as killed:
        killed.setattr(champions, "attach_card", lambda *given: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            promoted(gate)
    assert len(versions(gate)) == 1 and champion_of(gate) is None
    assert promoted(gate).version == "1" and champion_of(gate) == "1"
    (version,) = versions(gate)
    assert version.description.startswith("# ")


def test_the_newest_row_of_these_results_is_taken(row: Publish, gate: Gate) -> None:
    row(0.91)
    newest = row(0.91)
    row(0.95)
    results(Path(), 0.91)
    promoted(gate)
    assert versions(gate)[0].tags["twinview.row"] == newest


@pytest.mark.parametrize("status", ["RUNNING", "FAILED", "KILLED"])
def test_a_row_that_is_not_finished_is_not_taken(status: str, row: Publish, gate: Gate) -> None:
    row(0.92, name=f"pretraining-{status}", status=status)
    with pytest.raises(DataError, match=r"no row .* has the results in reports/"):
        promoted(gate)


def test_a_row_of_other_results_or_of_another_pretraining_is_not_taken(
    row: Publish, gate: Gate
) -> None:
    name = row(0.9, name="pretraining-same") and "pretraining-same"
    results(Path(), 0.9001, name=name)
    with pytest.raises(DataError, match="--single-item publish"):
        promoted(gate)
    results(Path(), 0.9, name="pretraining-other")
    with pytest.raises(DataError, match="--single-item publish"):
        promoted(gate)


def test_a_row_of_an_earlier_version_is_taken_whatever_it_has_of_baselines(
    row: Publish, gate: Gate
) -> None:
    run_id = row(0.9)
    client, _ = mlflow_runs.connect()
    client.log_metric(run_id, "baselines.raw_pixels.linear.accuracy", 0.1)
    client.log_metric(run_id, "versus.raw_pixels.linear.accuracy", 0.2)
    promoted(gate)
    assert versions(gate)[0].tags["twinview.row"] == run_id


def test_a_row_without_an_encoder_is_refused(row: Publish, gate: Gate) -> None:
    own = results(Path(), 0.9, name="pretraining-without")
    _, experiment = mlflow_runs.connect()
    with mlflow.start_run(experiment_id=experiment, tags={"pretrain.run_id": own}):
        mlflow.log_metrics({"linear.accuracy": 0.9, "knn.accuracy": 0.86})
    with pytest.raises(DataError, match="has no encoder"):
        promoted(gate)


def test_the_champion_s_spread_over_seeds_counts(row: Publish, gate: Gate) -> None:
    row(0.9)
    seeds(Path(), linear__accuracy=[0.9, 0.94, 0.98], knn__accuracy=[0.86, 0.86, 0.86])
    promoted(gate)
    found = champions.champion_results(gate.model).results
    assert found and found.values["linear.accuracy"] == (0.9, 0.94, 0.98)


def test_a_champion_whose_seeds_are_trained_later_learns_its_spread(
    row: Publish, gate: Gate
) -> None:
    row(0.9)
    promoted(gate)
    seeds(Path(), linear__accuracy=[0.9, 0.7, 0.8], knn__accuracy=[0.86, 0.86, 0.86])
    done = promoted(gate)
    assert (done.version, done.checks, done.trainings) == ("1", [], 3)
    found = champions.champion_results(gate.model)
    assert found.name == "champion 1" and found.results and found.results.count == 3
    assert "come from 3 trainings" in versions(gate)[0].description
    Path("reports/seeds.json").unlink()
    assert promoted(gate).trainings == 3, "and does not forget it"


def test_one_that_is_crowned_again_keeps_what_its_most_trainings_told(
    row: Publish, gate: Gate
) -> None:
    row(0.9)
    promoted(gate)
    mlflow_runs.connect()[0].delete_registered_model_alias(gate.model, champions.ALIAS)
    seeds(Path(), linear__accuracy=[0.9, 0.92], knn__accuracy=[0.86, 0.86])
    assert promoted(gate).trainings == 2
    mlflow_runs.connect()[0].delete_registered_model_alias(gate.model, champions.ALIAS)
    Path("reports/seeds.json").unlink()
    promoted(gate)
    found = champions.champion_results(gate.model).results
    assert found and found.values["linear.accuracy"] == (0.9, 0.92)


def test_a_champion_that_was_registered_by_hand_has_its_logged_metrics(
    logged: str, gate: Gate
) -> None:
    mlflow_runs.connect()
    mlflow.register_model(f"models:/{logged}", gate.model)
    champions.set_champion(gate.model, "1")
    found = champions.champion_results(gate.model)
    assert found.name == "champion 1" and found.results
    assert found.results.values == {"linear.accuracy": (0.875,)}


def test_a_store_that_does_not_answer_is_named(
    row: Publish, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    results(Path(), 0.9)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(BusyError, match=r"http://127\.0\.0\.1:9 does not answer"):
        champions.champion_results(gate.model)


def test_two_at_once_are_refused(row: Publish, gate: Gate) -> None:
    results(Path(), 0.9)
    with folder_lock("promote"), pytest.raises(BusyError, match="promote"):
        promoted(gate)
