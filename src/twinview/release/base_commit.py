"""The base commit of a change: the gate that it states, and the results that it kept in git."""

import os
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from twinview.core import paths
from twinview.core.commands import git
from twinview.core.errors import ConfigError, DataError
from twinview.experiments import dvc_experiments, recorded_run
from twinview.experiments.recorded_run import PARAMS
from twinview.experiments.trainings import trainings
from twinview.release.gate import Reference
from twinview.settings import recipes
from twinview.settings.params import load, parse
from twinview.settings.sections import Gate

_VERIFY = ("rev-parse", "--short", "--verify", "--quiet")


def base_settings(reference: str | None, file: Path) -> tuple[Gate, str]:
    """The gate that `file` states at a commit, and where it was read.

    So a change cannot lower its own bar. What the commit does not state (no such file yet, no such
    setting yet) the working tree does. Raises ConfigError for a reference that does not exist.
    """
    own = load(file).gate
    if reference is None:
        return own, str(file)
    commit, name = resolved(reference), os.path.relpath(file)
    stated = _gate_at(commit, name)
    kept = {key: stated[key] for key in own.model_dump() if key in stated}
    missing = [key for key in own.model_dump() if key not in stated]
    place = f"{name} at {commit}"
    if missing and kept:
        place += f" (it states no {', '.join(missing)}: the working tree does)"
    elif missing:
        place = f"{file}, since {commit} has no gate in {name}"
    return parse(Gate, own.model_dump(mode="json") | kept, f"{commit}:{name}"), place


def base_results(reference: str, file: Path) -> Reference:
    """The results that the commit kept in git, if it did."""
    commit, name = resolved(reference), Path(os.path.relpath(file))
    label = f"baseline {commit}"
    if name != PARAMS:
        return Reference(label, None, f"its reports are of {PARAMS}, not of {name}")
    if dvc_experiments.text_at(commit, paths.METRICS) is None:
        return Reference(label, None, f"it has no {paths.METRICS} in git")
    run = recorded_run.at(commit, commit)
    try:
        if run.altered:
            return Reference(label, None, f"its {run.altered}")
        return Reference(label, trainings(run))
    except DataError as error:
        raise DataError(f"at {commit}, {error}") from None


def resolved(reference: str) -> str:
    """A commit's short name. Raises ConfigError for a reference that does not exist here."""
    commit = git(*_VERIFY, "--end-of-options", f"{reference}^{{commit}}")
    if commit is None:
        shallow = git("rev-parse", "--is-shallow-repository") == "true"
        hint = "; this clone is shallow: `git fetch --depth 1 origin BRANCH` brings one"
        raise ConfigError(
            f"git knows no commit {reference!r} to hold the results against; "
            f"name a commit that exists{hint if shallow else ''}"
        )
    return commit


def _gate_at(commit: str, name: str) -> dict[str, object]:
    """What the file states below `gate` at a commit; a recipe lies over params.yaml there too."""
    own = _gate(dvc_experiments.text_at(commit, Path(name)), f"{commit}:{name}")
    base = recipes.base_of(Path(name))
    return recipes.merge(_gate_at(commit, str(base)), own) if base and own else own


def _gate(text: str | None, place: str) -> dict[str, object]:
    """What a file's text states below `gate`."""
    try:
        value = YAML(typ="safe").load(text or "{}")
    except YAMLError as error:
        raise ConfigError(f"{place} is not valid YAML: {error}") from None
    gate = value.get("gate") if isinstance(value, dict) else None
    if not isinstance(gate, dict | None):
        raise ConfigError(f"{place}: gate is {gate!r}, and not settings by name")
    return gate or {}
