"""The runs that `twinview compare` gets by name: experiments, commits, branches, workspace."""

from collections.abc import Mapping, Sequence

from twinview.core import dvc_lock
from twinview.core.commands import git
from twinview.core.errors import ConfigError, DataError
from twinview.core.registry import did_you_mean
from twinview.experiments import dvc_experiments, recorded_run
from twinview.experiments.recorded_run import WORKSPACE, RecordedRun


def named_runs(names: Sequence[str]) -> tuple[list[RecordedRun], dict[str, str]]:
    """The finished runs of these names, and for each other name the reason why it has none.

    Without names, all experiments and the workspace are taken. Raises ConfigError for an unknown
    name.
    """
    runs, skipped = [], ({} if names else dict(dvc_experiments.unfinished()))
    experiments = dvc_experiments.labelled_references()
    for run in [_run(name, experiments) for name in names or [*experiments, WORKSPACE]]:
        try:
            _require_finished(run)
            runs.append(run)
        except DataError as error:
            skipped[run.name] = str(error)
    return runs, skipped


def _run(name: str, experiments: Mapping[str, str]) -> RecordedRun:
    """The run of a name; of several experiments with that name, the newest.

    experiments: git's references by label.
    """
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
    unfinished = dvc_experiments.unfinished()
    if name in unfinished:
        return ConfigError(f"the experiment {name} has no results: it is {unfinished[name]}")
    branches = (git("for-each-ref", "--format=%(refname:short)", "refs/heads") or "").split()
    near = did_you_mean(name, [*experiments, *unfinished, *branches, WORKSPACE])
    return ConfigError(
        f"there is no experiment, branch or commit {name!r}{near}; `dvc exp list` names "
        "the experiments"
    )


def _require_finished(run: RecordedRun) -> None:
    """Reads all that is compared. Raises DataError for missing results and for outdated ones."""
    _ = run.answer, run.results, run.lock, run.read(dvc_lock.LOCK)
    if run.stale:
        remedy = "run `dvc repro`" if run.name == WORKSPACE else "run it anew by `dvc exp run`"
        raise DataError(f"its results are not of its settings: {run.stale}; {remedy}")
    _ = run.verdict, run.minutes, run.question
