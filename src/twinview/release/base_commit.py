"""The base commit of a change: its settings of the gate, and its results in git."""

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
from twinview.settings import recipes, renamed
from twinview.settings.params import load, parse
from twinview.settings.sections import Gate

_VERIFY = ("rev-parse", "--short", "--verify", "--quiet")


def base_settings(reference: str | None, file: Path) -> tuple[Gate, str]:
    """The settings of the gate in `file` at a commit, and a text that says where they stand.

    A change therefore cannot lower its own limits. A setting that the commit lacks is taken from
    the working tree.

    Parameters
    ----------
    reference : the commit, or None for the working tree.
    file : params.yaml, or a recipe.

    Raises
    ------
    ConfigError : git does not know the reference.
    """
    current = load(file).gate
    if reference is None:
        return current, str(file)
    commit, name = resolve_commit(reference), os.path.relpath(file)
    gate = renamed.translate({"gate": _gate_at(commit, name)})[0]["gate"]
    from_commit = {key: gate[key] for key in current.model_dump() if key in gate}
    missing = [key for key in current.model_dump() if key not in gate]
    place = f"{name} at {commit}"
    if missing and from_commit:
        place += f" (it has no {', '.join(missing)}, which the working tree has)"
    elif missing:
        place = f"{file}, since {commit} has no gate in {name}"
    settings = current.model_dump(mode="json") | from_commit
    return parse(Gate, settings, f"{commit}:{name}"), place


def base_results(reference: str, file: Path) -> Reference:
    """The results that the commit has in git, or the reason why they cannot be used."""
    commit, name = resolve_commit(reference), Path(os.path.relpath(file))
    label = f"baseline {commit}"
    if name != PARAMS:
        return Reference(label, None, f"its reports belong to {PARAMS}, not to {name}")
    if dvc_experiments.text_at(commit, paths.METRICS) is None:
        return Reference(label, None, f"it has no {paths.METRICS} in git")
    run = recorded_run.at(commit, commit)
    try:
        if run.altered:
            return Reference(label, None, f"its {run.altered}")
        return Reference(label, trainings(run))
    except DataError as error:
        raise DataError(f"at {commit}, {error}") from None


def resolve_commit(reference: str) -> str:
    """The commit's short hash. Raises ConfigError for a reference that git does not know."""
    commit = git(*_VERIFY, "--end-of-options", f"{reference}^{{commit}}")
    if commit is None:
        shallow = git("rev-parse", "--is-shallow-repository") == "true"
        hint = "; this clone is shallow: `git fetch --depth 1 origin BRANCH` fetches a commit"
        raise ConfigError.at(
            "--baseline",
            f"is {reference!r}, and git knows no such commit",
            f"name a commit that exists{hint if shallow else ''}",
        )
    return commit


def _gate_at(commit: str, name: str) -> dict[str, object]:
    """The section gate of a file at a commit. A recipe's is merged into that of params.yaml."""
    gate = _gate(dvc_experiments.text_at(commit, Path(name)), f"{commit}:{name}")
    base = recipes.base_of(Path(name))
    return recipes.merge(_gate_at(commit, str(base)), gate) if base and gate else gate


def _gate(text: str | None, place: str) -> dict[str, object]:
    """The section gate of a file's text; empty when there is none."""
    try:
        settings = YAML(typ="safe").load(text or "{}")
    except YAMLError as error:
        raise ConfigError(f"{place} is not valid YAML: {error}") from None
    gate = settings.get("gate") if isinstance(settings, dict) else None
    if not isinstance(gate, dict | None):
        raise ConfigError(f"{place}: gate is {gate!r}, but must be settings by name")
    return gate or {}
