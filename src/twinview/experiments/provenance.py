"""Where a result comes from: commit, experiment, data, machine, versions."""

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from twinview.core import commands, dvc_lock, paths
from twinview.core.commands import GitError
from twinview.experiments import lock_file

NONE, UNKNOWN = "none", "unknown"  # the text in place of a commit begins with one of these


def provenance() -> dict[str, str | bool | None]:
    """Git commit, whether the tree differs from it, DVC experiment, hardware, versions."""
    return {
        "commit": commit(),
        "changed": has_changes(),
        "experiment": os.environ.get("DVC_EXP_NAME", ""),
        "hardware": hardware(),
        "versions": versions(),
    }


def commit() -> str:
    """The commit that the working tree is based on; 'none' outside git.

    If git fails, the text is 'unknown' with git's reason, so that no results are lost.
    """
    try:
        return os.environ.get("DVC_EXP_BASELINE_REV") or commands.head_commit() or NONE
    except GitError as error:
        return f"{UNKNOWN} (git: {error.reason})"


def has_changes() -> bool | None:
    """Whether the tree differs from the commit; None if git fails."""
    try:
        return commands.has_changes()
    except GitError:
        return None


class Data(NamedTuple):
    """The prepared data: the name of its source, and the checksum by which DVC knows it."""

    name: str
    digest: str


def data() -> Data | None:
    """The data that this pipeline prepared, as DVC has recorded it; None without a record.

    Raises DataError for a broken dvc.lock.
    """
    lock = dvc_lock.load()
    digest = lock_file.hash_of(lock, paths.PREPARED)
    if digest is None:
        return None
    try:
        source = lock["stages"]["prepare"]["params"]["params.yaml"]["data"]["source"]
    except (KeyError, TypeError):
        raise dvc_lock.broken_error("prepare states no data.source") from None
    return Data(source, digest)


def hardware() -> str:
    """The processor and the number of cores that this process may use."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{len(os.sched_getaffinity(0))} cores, {(names or [platform.machine()])[0]}"


def versions() -> str:
    """Python's version and those of the packages that results depend on."""
    packages = ("torch", "scikit-learn", "dvc", "mlflow")
    python = f"python {platform.python_version()}"
    return ", ".join([python, *(f"{name} {version(name)}" for name in packages)])
