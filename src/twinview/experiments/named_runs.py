"""The runs that `twinview compare` is given by name: experiments, commits, branches, workspace."""

from collections.abc import Mapping, Sequence

from twinview.core.commands import git
from twinview.core.errors import ConfigError, DataError
from twinview.core.registry import did_you_mean
from twinview.experiments import dvc_experiments, lock_file, recorded_run
from twinview.experiments.recorded_run import WORKSPACE, RecordedRun


def named_runs(names: Sequence[str]) -> tuple[list[RecordedRun], dict[str, str]]:
    """The finished runs of these names, and why others are set apart.

    names: without any, all experiments and the workspace. Raises ConfigError for an unknown name.
    """
    runs, apart = [], ({} if names else dict(dvc_experiments.unfinished()))
    experiments = dvc_experiments.labelled_references()
    for run in [_run(name, experiments) for name in names or [*experiments, WORKSPACE]]:
        try:
            _require_finished(run)
            runs.append(run)
        except DataError as error:
            apart[run.name] = str(error)
    return runs, apart


def _run(name: str, experiments: Mapping[str, str]) -> RecordedRun:
    """experiments: git's references by label. Of several of one name the newest is taken."""
    if name == WORKSPACE:
        return recorded_run.in_folder()
    for label, ref in experiments.items():
        if name in (label, ref.split("/")[-1]):
            return recorded_run.at(str(git("rev-parse", ref)), name, "experiment")
    commit = git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    if commit is None:
        raise _unknown(name, experiments)
    return recorded_run.at(commit, name)


def _unknown(name: str, experiments: Mapping[str, str]) -> ConfigError:
    waiting = dvc_experiments.unfinished()
    if name in waiting:
        return ConfigError(f"the experiment {name} has no results: it is {waiting[name]}")
    branches = (git("for-each-ref", "--format=%(refname:short)", "refs/heads") or "").split()
    near = did_you_mean(name, [*experiments, *waiting, *branches, WORKSPACE])
    return ConfigError(
        f"there is no experiment, branch or commit {name!r}{near}; `dvc exp list` names "
        "the experiments"
    )


def _require_finished(run: RecordedRun) -> None:
    """Reads all that is compared. Raises DataError where there is none, or of other settings."""
    _ = run.answer, run.results, run.lock, run.read(lock_file.LOCK)
    if run.stale:
        remedy = "`dvc repro` mends it" if run.name == WORKSPACE else "run it anew by `dvc exp run`"
        raise DataError(f"its results are not of its settings: {run.stale}; {remedy}")
    _ = run.verdict, run.minutes, run.question
