"""Checks params.yaml as a whole, and what lies around it.

Names every wrong setting at once, each with its value and with what would be right; --json lists
them. Then it reports a broken dvc.lock, links and files where stages write, and an MLflow database
without the files of its runs.

    $ twinview check --params recipes/smoke.yaml
"""

import argparse
from pathlib import Path

from twinview.cli import arguments
from twinview.cli.outcome import Outcome
from twinview.core import outs
from twinview.core.commands import GitError, git
from twinview.experiments import dvc_experiments, lock_file
from twinview.settings import params
from twinview.tracking import mlflow_runs, stores

ALONE = (
    "twinview: this folder is not a git repository. The pipeline runs; commits are not "
    "recorded, and `dvc exp` and `dvc metrics diff` do not work. `git init` mends it."
)
ELSEWHERE = (
    "twinview: {} was queued in another folder, of which this one is a copy, and DVC would run it "
    "there. `dvc queue remove --queued` and queue it here anew."
)
OTHER_CODE = (
    "twinview: the code that runs is that of {}, and DVC records this folder's. In a project that "
    "was copied or moved, `make` says what makes an environment of its own."
)
UNKNOWN = (
    "twinview: {}. The pipeline runs; commits are recorded as unknown, and `dvc exp` and "
    "`dvc metrics diff` may not work."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The file to check."""
    arguments.params(parser)


def run(options: argparse.Namespace) -> Outcome:
    """Raises ConfigError with every fault of the file, DataError with those of what lies around."""
    return checked(options.params)


def checked(file: Path) -> Outcome:
    """That the file and dvc.lock are in order, and whether git knows the folder."""
    params.check(file)
    lock_file.load()
    outs.check()
    stores.other_folders((mlflow_runs.PIPELINE, mlflow_runs.PRETRAINING))
    repository, missing = _repository()
    missing += _other_code()
    elsewhere = dvc_experiments.queued_elsewhere()
    data: dict[str, object] = {"params": str(file), "faults": [], "git": repository}
    if elsewhere:
        missing.append(ELSEWHERE.format(", ".join(elsewhere)))
        data["queued_elsewhere"] = elsewhere
    return Outcome("\n".join([f"twinview: {file} is in order", *missing]), data)


def _repository() -> tuple[bool | None, list[str]]:
    """Whether git knows the folder, None where it cannot say; and what is missing for that."""
    try:
        known = git("rev-parse", "--git-dir") is not None
    except GitError as error:
        return None, [UNKNOWN.format(error)]
    return known, [] if known else [ALONE]


def _other_code() -> list[str]:
    """What is wrong where the folder has code of its own and another one's runs."""
    here, running = Path("src/twinview"), Path(params.__file__).parents[1]
    return [OTHER_CODE.format(running)] if here.is_dir() and not here.samefile(running) else []
