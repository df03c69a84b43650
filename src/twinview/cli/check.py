"""Checks params.yaml as a whole, and the files around it.

Names every wrong setting at once, each with its value and the remedy; --json lists them. Then it
reports a broken dvc.lock, links and files where stages write, an MLflow database without the files
of its runs, and tasks that the prepared data do not allow, because they have no labels.

    $ twinview check --params recipes/smoke.yaml
"""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from twinview.cli import arguments
from twinview.cli.outcome import Outcome
from twinview.core import dvc_lock, files, outs, paths
from twinview.core.commands import GitError, git
from twinview.experiments import dvc_experiments, lock_file
from twinview.settings import left_out, params
from twinview.tracking import mlflow_runs, stores

NO_REPOSITORY = (
    "twinview: this folder is not a git repository. The pipeline runs; commits are not "
    "recorded, and `dvc exp` and `dvc metrics diff` do not work. `git init` makes one."
)
QUEUED_ELSEWHERE = (
    "twinview: {} was queued in another folder, of which this one is a copy, and DVC would run it "
    "there. `dvc queue remove --queued`, and queue it here again."
)
OTHER_CODE = (
    "twinview: the code that runs is that of {}, but DVC records the code of this folder. In a "
    "project that was copied or moved, `make` says how to make a new environment."
)
GIT_FAILED = (
    "twinview: {}. The pipeline runs; commits are recorded as unknown, and `dvc exp` and "
    "`dvc metrics diff` may not work."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The file to check."""
    arguments.params(parser)


def run(options: argparse.Namespace) -> Outcome:
    """Raises ConfigError with all faults of the file, DataError for a fault around it."""
    return check_project(options.params)


def check_project(file: Path) -> Outcome:
    """The result of the checks, and whether the folder is a git repository.

    Raises ConfigError with all faults of the file, DataError for a fault around it.
    """
    params.check(file)
    lock = dvc_lock.load()
    outs.check()
    excluded = _left_out(file, lock)
    stores.other_folders((mlflow_runs.PIPELINE, mlflow_runs.PRETRAINING))
    in_git, warnings = _is_repository()
    warnings += [*_other_code(), *(f"twinview: {line}" for line in left_out.lines(excluded))]
    elsewhere = dvc_experiments.queued_elsewhere()
    data: dict[str, object] = {"params": str(file), "faults": [], "git": in_git}
    data |= {"left_out": excluded} if excluded else {}
    if elsewhere:
        warnings.append(QUEUED_ELSEWHERE.format(", ".join(elsewhere)))
        data["queued_elsewhere"] = elsewhere
    return Outcome("\n".join([f"twinview: {file} is in order", *warnings]), data)


def _left_out(file: Path, lock: Mapping[str, Any]) -> dict[str, str]:
    """What a run would leave out, as far as the prepared data are those of the settings.

    Raises ConfigError when no task is left.
    """
    settings = params.stated(file)
    if not (lock_file.ran_with(lock, "prepare", settings) and paths.LABELS_INDEX.is_file()):
        return {}
    unlabelled = files.load_json(paths.LABELS_INDEX)["unlabelled"]
    tasks = left_out.tasks(settings["evaluate"]["tasks"], unlabelled)
    return tasks | left_out.baselines(settings["baselines"]["supervised"], unlabelled)


def _is_repository() -> tuple[bool | None, list[str]]:
    """Whether the folder is in a git repository, None when git fails; and warnings about it."""
    try:
        in_git = git("rev-parse", "--git-dir") is not None
    except GitError as error:
        return None, [GIT_FAILED.format(error)]
    return in_git, [] if in_git else [NO_REPOSITORY]


def _other_code() -> list[str]:
    """A warning when the folder has a package twinview, but another one is imported."""
    here, running = Path("src/twinview"), Path(params.__file__).parents[1]
    return [OTHER_CODE.format(running)] if here.is_dir() and not here.samefile(running) else []
