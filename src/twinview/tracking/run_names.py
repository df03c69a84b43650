"""What a run of MLflow's is called: what differs from the commit that it started from."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from twinview.core.commands import git
from twinview.core.errors import DataError
from twinview.experiments import differences, dvc_experiments, provenance
from twinview.experiments.lock_file import value_at

_PARAMS = "params.yaml"
_CODE = ("src", "pipeline")
_NAMED, _LONGEST = 4, 40  # settings, and characters of each
# The sections that an encoder depends on.
_OF_TRAININGS = (
    "data", "sources", "views", "augmentations", "pretrain", "encoders", "heads", "optimizers",
    "objectives", "methods",
)  # fmt: skip


def row_name() -> str:
    """Such as "temperature 0.3, epochs 4"; "simclr, 5a72f90, seed 0" where nothing differs.

    What params.yaml holds now, committed or not, beside what the base commit states.
    """
    return _name(_here())


def training_name() -> str:
    """The same, of the settings that the encoder depends on."""
    return _name({key: of for key, of in _here().items() if key in _OF_TRAININGS})


def _name(tree: Mapping[str, Any]) -> str:
    commit = provenance.commit()
    if commit.startswith((provenance.NONE, provenance.UNKNOWN)):
        return ", ".join(_unchanged(tree))
    try:
        before = _at(commit)
        edited = git("diff", "--name-only", commit, "--", *_CODE)
    except DataError:  # git cannot say; the run's tags have its reason, and a name ends no training
        before, edited = {}, None
    told = (_changes(tree, before) if before else []) or _unchanged(tree, commit[:7])
    return ", ".join([*told, *(["code changed"] if edited else [])])


def _changes(tree: Mapping[str, Any], before: Mapping[str, Any]) -> list[str]:
    """The settings that differ, in words: the first ones, each cut, and how many more there are."""
    now = differences.in_effect(tree)
    then = differences.flatten_settings({key: of for key, of in before.items() if key in tree})
    values = {key: now[key] for key in differences.differing_keys([now, then]) if key in now}
    told = differences.describe_settings(values, list(values))
    cut = [text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…" for text in told]
    more = [f"and {len(cut) - _NAMED} more"] if len(cut) > _NAMED else []
    return [*cut[:_NAMED], *more]


def _unchanged(tree: Mapping[str, Any], *commit: str) -> list[str]:
    """What tells runs apart that no setting does; the commit where it is known."""
    method, seed = (value_at(tree, f"pretrain.{key}") for key in ("method", "seed"))
    return [str(method), *commit, f"seed {seed}"]


def _here() -> Mapping[str, Any]:
    return _mapping(Path(_PARAMS).read_text("utf-8"))


def _at(commit: str) -> Mapping[str, Any]:
    """What params.yaml states at a commit; nothing where that has no such file, or a broken one."""
    try:
        return _mapping(dvc_experiments.text_at(commit, Path(_PARAMS)) or "")
    except YAMLError:
        return {}


def _mapping(text: str) -> Mapping[str, Any]:
    found = YAML(typ="safe").load(text)
    return found if isinstance(found, dict) else {}
