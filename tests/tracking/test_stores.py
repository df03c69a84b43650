"""Where MLflow's database and files are, whatever a folder is called and wherever it was before."""

import hashlib
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import mlflow
import pytest
from mlflow.tracking._tracking_service import utils
from sqlalchemy import make_url

from twinview.core.errors import DataError
from twinview.tracking import mlflow_runs, stores

# MLflow and what it stands on use much that will go; that is theirs to mend.
pytestmark = [
    pytest.mark.filterwarnings(f"ignore::{kind}")
    for kind in ("DeprecationWarning", "PendingDeprecationWarning", "FutureWarning")
]
NAMES = ("was?x=1", "a#b", "a%20b", "a b", "größe", "a:b@c", "plain")


@pytest.fixture(autouse=True)
def _forget_the_store() -> Iterator[None]:
    yield
    mlflow.set_tracking_uri(None)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a run that has a file, and a registered model; never changed."""
    born = tmp_path_factory.mktemp("made") / "born"
    born.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        enter(born, patch)
        write_run("before")
        client, experiment = mlflow_runs.connect()
        model = client.create_logged_model(experiment, "encoder")
        write_card(model.model_id, "old")
        client.create_registered_model("letters")
        client.create_model_version("letters", model.model_uri)
        client.create_experiment("theirs", artifact_location="file:///elsewhere/mlartifacts/a")
    return born


def enter(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """As a new process does: MLflow remembers the last store, and where its files are."""
    utils._artifact_repos_cache.clear()
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(project)
    return project


@pytest.fixture
def born(made: Path, tmp_path: Path) -> Path:
    """A copy of it that its database takes for the place where it was made."""
    shutil.copytree(made, tmp_path / "born")
    with pytest.MonkeyPatch.context() as patch:
        enter(tmp_path / "born", patch)
        mlflow_runs.connect()
    return tmp_path / "born"


def write_run(text: str) -> str:
    client, experiment = mlflow_runs.connect()
    run = client.create_run(experiment)
    client.log_text(run.info.run_id, text, "page.html")
    return str(run.info.run_id)


def write_card(model: str, text: str) -> None:
    client, _ = mlflow_runs.connect()
    Path("CARD.md").write_text(text)
    client.log_model_artifact(model, "CARD.md")


def content(folder: Path) -> dict[Path, str]:
    """A digest of every file; locks are none."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock"]
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def addresses(database: Path) -> list[str]:
    """Every text of a database that names a folder with the runs' files."""
    with sqlite3.connect(database) as opened:
        return [line for line in opened.iterdump() if "mlartifacts" in line]


@pytest.mark.parametrize("name", NAMES)
def test_a_database_s_address_leads_back_to_its_path(
    name: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / name).mkdir()
    monkeypatch.chdir(folder / name)
    for store in (stores.store(), f"{stores.store()}?timeout=5"):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
        assert stores.store() == store
        assert stores.database() == folder / name / "mlflow.db"
        assert make_url(store).database == str(folder / name / "mlflow.db")


def test_a_folder_s_name_may_have_whatever_a_name_may_have(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = folder / " ".join(NAMES)
    project.mkdir()
    enter(project, monkeypatch)
    run = write_run("text")
    assert mlflow.artifacts.load_text(f"runs:/{run}/page.html") == "text"
    assert (
        mlflow_runs.page_address().startswith("/#/experiments/")
        and stores.other_folders([mlflow_runs.PIPELINE]) == []
    )
    assert list(folder.iterdir()) == [project]
    assert {path.name for path in project.iterdir()} == {".dvc", "mlflow.db", "mlartifacts"}


@pytest.mark.parametrize("moved", [True, False])
def test_a_project_that_was_moved_or_copied_goes_on_in_its_own_folder_only(
    moved: bool, born: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    new, before = born.with_name("new"), content(born)
    (born.rename if moved else lambda to: shutil.copytree(born, to))(new)
    enter(new, monkeypatch)
    write_run("after")
    said = f"in {born}/mlartifacts; from now on they are in {new}/mlartifacts"
    assert said in capsys.readouterr().err
    client = mlflow.MlflowClient()
    write_card(client.get_model_version("letters", "1").source.removeprefix("models:/"), "new")
    assert content(born) == ({} if moved else before)
    texts = {path.read_text() for path in (new / "mlartifacts").rglob("*") if path.is_file()}
    assert texts == {"before", "after", "new"}


def test_every_address_of_ours_is_renewed_and_none_of_others(
    born: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = enter(born.rename(born.with_name("new")), monkeypatch)
    mlflow_runs.connect()
    known = "\n".join(addresses(Path("mlflow.db")))
    assert f"{born}/" not in known and known.count(f"{new}/mlartifacts/") >= 5
    assert "file:///elsewhere/mlartifacts/a" in known


def test_mlflow_keeps_addresses_in_no_other_column(born: Path) -> None:
    kept = {line.partition("(")[0] for line in addresses(born / "mlflow.db")}
    ours = {f'INSERT INTO "{column.class_.__tablename__}" VALUES' for column in stores._addresses()}
    assert kept == ours


def test_a_database_that_came_without_its_files_is_refused_before_anything(
    born: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "new").mkdir()
    shutil.copy(born / "mlflow.db", folder / "new")
    enter(folder / "new", monkeypatch)
    said = rf"files of 1 of its runs are still in {born}/mlartifacts; copy them by `cp -a {born}"
    for use in (mlflow_runs.connect, mlflow_runs.page_address, mlflow_runs.renew_addresses):
        with pytest.raises(DataError, match=said):
            use()
    shutil.copytree(born / "mlartifacts", "mlartifacts")
    assert mlflow_runs.page_address() != ""


@pytest.mark.parametrize("place", ["mlflow-artifacts:/1", "s3://a/mlartifacts/b", "/born/mlruns/1"])
def test_an_experiment_that_somebody_put_elsewhere_stays_there(
    place: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with sqlite3.connect("mlflow.db") as opened:
        opened.execute("CREATE TABLE experiments (name, artifact_location)")
        opened.execute("INSERT INTO experiments VALUES ('twinview', ?)", [place])
    assert stores.other_folders([mlflow_runs.PIPELINE]) == []


def test_a_store_outside_of_the_project_keeps_its_addresses(
    born: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "new").mkdir()
    enter(folder / "new", monkeypatch)
    for store in (stores.sqlite_url(born / "mlflow.db"), "http://127.0.0.1:9"):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
        assert stores.other_folders([mlflow_runs.PIPELINE]) == []
