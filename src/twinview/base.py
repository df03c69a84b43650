"""The base commit of a change: the gate that it states, and the results that it kept in git."""

import os
from functools import partial
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from twinview import paths
from twinview.commands import git
from twinview.errors import ConfigError, DataError
from twinview.gate import Reference
from twinview.params import load, parse
from twinview.sections import Gate
from twinview.trainings import trainings

PARAMS = Path("params.yaml")


def base_settings(reference: str | None, file: Path) -> tuple[Gate, str]:
    """The gate that `file` states at a commit, and where it was read.

    So a change cannot lower its own bar. What the commit does not state (no such file yet, no such
    setting yet) the working tree does. Raises ConfigError for a reference that does not exist.
    """
    own = load(file).gate
    if reference is None:
        return own, str(file)
    commit, name = resolved(reference), os.path.relpath(file)
    stated = _gate(read(commit, name), f"{commit}:{name}")
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
    if read(commit, str(paths.METRICS)) is None:
        return Reference(label, None, f"it has no {paths.METRICS} in git")
    return Reference(label, trainings(partial(_text, commit), f"{commit}:"))


def resolved(reference: str) -> str:
    """A commit's short name. Raises ConfigError for a reference that does not exist here."""
    commit = git("rev-parse", "--short", "--verify", "--end-of-options", f"{reference}^{{commit}}")
    if commit is None:
        shallow = git("rev-parse", "--is-shallow-repository") == "true"
        hint = "; this clone is shallow: `git fetch --depth 1 origin BRANCH` brings one"
        raise ConfigError(
            f"git knows no commit {reference!r} to hold the results against; "
            f"name a commit that exists{hint if shallow else ''}"
        )
    return commit


def read(commit: str, name: str) -> str | None:
    """A file of this folder at a commit; None where the commit has none.

    Raises DataError for one that it has and git cannot read, as in a clone without blobs.
    """
    text = git("show", f"{commit}:./{name}")
    if text is None and git("ls-tree", "--name-only", commit, "--", name):
        raise DataError(f"git cannot read {commit}:{name}; `git fetch --refetch` brings it")
    return text


def _text(commit: str, path: Path) -> str | None:
    return read(commit, str(path))


def _gate(text: str | None, place: str) -> dict[str, object]:
    """What a file's text states below `gate`."""
    try:
        value = YAML(typ="safe").load(text or "{}")
    except YAMLError as error:
        raise ConfigError(f"{place} is not valid YAML: {error}") from None
    gate = value.get("gate") if isinstance(value, dict) else None
    return gate if isinstance(gate, dict) else {}
