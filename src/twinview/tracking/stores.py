"""Where MLflow's store is, and its files: mlflow.db and mlartifacts/ in the project's folder.

MLflow keeps absolute addresses in its database. In a folder that was moved, or is a copy, they lead
to the old place, and each new run would write there: so they are renewed before a run begins.
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
    """The file of the store; None where the store is no SQLite database, such as a server."""
    if not store().startswith(_SQLITE):
        return None
    return Path(unquote(store().removeprefix(_SQLITE).partition("?")[0]))


def sqlite_url(file: Path) -> str:
    """The URL of an SQLite database, from which `database` and SQLAlchemy read the same path.

    Where a character needs quotes, slashes get them too: MLflow makes the folder of a URL without
    unquoting it, which would be an empty one beside the project, and is the current one so.
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
    """URLs of other folders in which these experiments of the project's own database have files.

    Raises DataError for a database that cannot be read, or whose files did not come with it.
    """
    file = database()
    if file is None or not file.is_file() or not file.is_relative_to(root()):
        return []
    try:
        with contextlib.closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as opened:
            found = _locations(opened, list(experiments))
            for old in found:
                _require_files(opened, file, old)
    except sqlite3.Error as error:
        raise DataError(f"{file} cannot be read as MLflow's database ({error})") from None
    return found


def renew_addresses(experiments: Iterable[str]) -> None:
    """Renews the addresses of the project's own database that lead to another folder."""
    for old in other_folders(experiments):
        _readdress(old, artifacts_url())
        print(
            f"twinview: the runs in {database()} had their files in {local_path(old)}; "
            f"from now on they are in {local_path(artifacts_url())}",
            file=sys.stderr,
        )


def _locations(opened: sqlite3.Connection, experiments: list[str]) -> list[str]:
    """The folders of that name, with the experiments' files, which are not this project's."""
    if not opened.execute("SELECT 1 FROM sqlite_master WHERE name = 'experiments'").fetchall():
        return []
    found = opened.execute("SELECT name, artifact_location FROM experiments").fetchall()
    olds = {place.rpartition("/")[0] for name, place in found if name in experiments}
    ours = (old for old in sorted(olds) if old.startswith("file:") and old.endswith(f"/{_FILES}"))
    return [
        old for old in ours if local_path(old).resolve() != local_path(artifacts_url()).resolve()
    ]


def _require_files(opened: sqlite3.Connection, file: Path, old: str) -> None:
    """Raises DataError where runs have files in the other folder that are not in this one."""
    begun = [uri for (uri,) in opened.execute("SELECT artifact_uri FROM runs")]
    here = [
        (uri, uri.replace(old, artifacts_url(), 1)) for uri in begun if uri.startswith(f"{old}/")
    ]
    left = [uri for uri, new in here if local_path(uri).is_dir() and not local_path(new).is_dir()]
    if left:
        copy = shlex.join(["cp", "-a", str(local_path(old)), str(root())])
        raise DataError(
            f"{file} was made in another folder, and the files of {len(left)} of its runs are "
            f"still in {local_path(old)}; `{copy}` brings them, "
            f"or move {file} away, and a new one begins"
        )


def _readdress(old: str, new: str) -> None:
    """Replaces the folder in all addresses that begin with it: in one transaction, or not."""
    from sqlalchemy import create_engine, func, update

    begin, engine = f"{old}/", create_engine(store())
    with engine.begin() as connection:
        for column in _addresses():
            known = func.substr(column, 1, len(begin)) == begin
            renewed = f"{new}/" + func.substr(column, len(begin) + 1)
            connection.execute(update(column.class_).where(known).values({column.key: renewed}))
    engine.dispose()


def _addresses() -> tuple[Any, ...]:
    """The columns in which MLflow keeps addresses of files."""
    from mlflow.store.model_registry.dbmodels.models import SqlModelVersion
    from mlflow.store.tracking.dbmodels.models import SqlExperiment, SqlLoggedModel, SqlRun

    return (
        SqlExperiment.artifact_location, SqlRun.artifact_uri, SqlLoggedModel.artifact_location,
        SqlModelVersion.source, SqlModelVersion.storage_location,
    )  # fmt: skip
