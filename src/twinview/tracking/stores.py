"""Where MLflow's store and its files are: mlflow.db and mlartifacts/ in the project's folder.

MLflow keeps absolute addresses in its database. After a project was moved or copied, they lead to
the old folder, and each new run would write there. So they are renewed before a run begins.
"""

import contextlib
import os
import shlex
import sqlite3
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlparse

from twinview.core.errors import DataError
from twinview.core.paths import root

_SQLITE = "sqlite:///"
_FILES = "mlartifacts"


def store() -> str:
    """The tracking store: MLFLOW_TRACKING_URI, or mlflow.db in the project's folder."""
    uri = os.environ.get("MLFLOW_TRACKING_URI") or f"{_SQLITE}mlflow.db"
    if not uri.startswith(_SQLITE):
        return uri
    name, mark, options = uri.removeprefix(_SQLITE).partition("?")
    return f"{sqlite_url(root() / unquote(name))}{mark}{options}"


def database() -> Path | None:
    """The database file of the store; None if the store is no SQLite database but a server."""
    if not store().startswith(_SQLITE):
        return None
    return Path(unquote(store().removeprefix(_SQLITE).partition("?")[0]))


def sqlite_url(file: Path) -> str:
    """The URL of an SQLite database, from which `database` and SQLAlchemy read the same path.

    If one character has to be quoted, slashes are quoted too. MLflow creates the folder of a URL
    without unquoting it; with quoted slashes that is the current folder, which exists, and not an
    empty folder beside the project.
    """
    path = str(file)
    return f"{_SQLITE}{path if quote(path) == path else quote(path, safe='')}"


def artifacts_url() -> str:
    """The URL of the folder with the files of all runs."""
    return (root() / _FILES).as_uri()


def local_path(uri: str) -> Path:
    """The path that a file: URL names."""
    return Path(unquote(urlparse(uri).path))


def other_folders(experiments: Iterable[str]) -> list[str]:
    """URLs of other folders in which the project's database has files of these experiments.

    Raises DataError for a database that cannot be read, or whose files are still in another folder.
    """
    file = database()
    if file is None or not file.is_file() or not file.is_relative_to(root()):
        return []
    try:
        with contextlib.closing(
            sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)
        ) as connection:
            folders = _other_folders(connection, list(experiments))
            for url in folders:
                _require_files(connection, file, url)
    except sqlite3.Error as error:
        raise DataError(f"{file} cannot be read as MLflow's database ({error})") from None
    return folders


def renew_addresses(experiments: Iterable[str]) -> None:
    """Renews those addresses in the project's database that lead to another folder."""
    for old in other_folders(experiments):
        _readdress(old, artifacts_url())
        print(
            f"twinview: the runs in {database()} had their files in {local_path(old)}; "
            f"from now on they are in {local_path(artifacts_url())}",
            file=sys.stderr,
        )


def _other_folders(connection: sqlite3.Connection, experiments: list[str]) -> list[str]:
    """The folders called mlartifacts that hold the experiments' files outside of this project."""
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'experiments'").fetchall():
        return []
    rows = connection.execute("SELECT name, artifact_location FROM experiments").fetchall()
    urls = {url.rpartition("/")[0] for name, url in rows if name in experiments}
    ours = (url for url in sorted(urls) if url.startswith("file:") and url.endswith(f"/{_FILES}"))
    here = local_path(artifacts_url()).resolve()
    return [url for url in ours if local_path(url).resolve() != here]


def _require_files(connection: sqlite3.Connection, file: Path, old: str) -> None:
    """Raises DataError if runs have files in the old folder that are not in this project."""
    uris = [uri for (uri,) in connection.execute("SELECT artifact_uri FROM runs")]
    new = artifacts_url()
    pairs = [(uri, uri.replace(old, new, 1)) for uri in uris if uri.startswith(f"{old}/")]
    left = [here for here, there in pairs if _has_folder(here) and not _has_folder(there)]
    if left:
        copy = shlex.join(["cp", "-a", str(local_path(old)), str(root())])
        raise DataError.at(
            file,
            f"was made in another folder, and the files of {len(left)} of its runs are still in "
            f"{local_path(old)}",
            f"copy them by `{copy}`, or move {file} away, so that a new one begins",
        )


def _has_folder(uri: str) -> bool:
    return local_path(uri).is_dir()


def _readdress(old: str, new: str) -> None:
    """Replaces the folder in all addresses that begin with it, all in one transaction."""
    from sqlalchemy import create_engine, func, update

    prefix, engine = f"{old}/", create_engine(store())
    with engine.begin() as connection:
        for column in _addresses():
            has_prefix = func.substr(column, 1, len(prefix)) == prefix
            renewed = f"{new}/" + func.substr(column, len(prefix) + 1)
            rows = update(column.class_).where(has_prefix)
            connection.execute(rows.values({column.key: renewed}))
    engine.dispose()


def _addresses() -> tuple[Any, ...]:
    """The columns in which MLflow keeps addresses of files."""
    from mlflow.store.model_registry.dbmodels.models import SqlModelVersion
    from mlflow.store.tracking.dbmodels.models import SqlExperiment, SqlLoggedModel, SqlRun

    return (
        SqlExperiment.artifact_location, SqlRun.artifact_uri, SqlLoggedModel.artifact_location,
        SqlModelVersion.source, SqlModelVersion.storage_location,
    )  # fmt: skip
