"""The names of MLflow runs: what differs from the commit that a run started from."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from twinview.core.commands import git
from twinview.core.errors import DataError
from twinview.experiments import differences, dvc_experiments, provenance
from twinview.settings.dotted import value_at

_PARAMS = "params.yaml"
_CODE = ("src", "pipeline")
_MAX_SETTINGS, _MAX_LENGTH = 4, 40  # settings in a name, and characters of each
# The sections that an encoder depends on.
_TRAINING_SECTIONS = (
    "data", "sources", "views", "augmentations", "pretrain", "encoders", "heads", "optimizers",
    "objectives", "methods",
)  # fmt: skip


def row_name() -> str:
    """Such as "temperature 0.3, epochs 4"; "simclr, 5a72f90, seed 0" where nothing differs.

    params.yaml as it is now, committed or not, is compared with params.yaml of the base commit.
    """
    return _name(_current_settings())


def training_name() -> str:
    """The name by those settings only that the encoder depends on."""
    settings = _current_settings()
    return _name({key: settings[key] for key in settings if key in _TRAINING_SECTIONS})


def _name(settings: Mapping[str, Any]) -> str:
    commit = provenance.commit()
    if commit.startswith((provenance.NONE, provenance.UNKNOWN)):
        return ", ".join(_unchanged(settings))
    try:
        base = _settings_at(commit)
        edited = git("diff", "--name-only", commit, "--", *_CODE)
    except DataError:  # the run's tags have git's reason; a missing name must not end a training
        base, edited = {}, None
    parts = (_changes(settings, base) if base else []) or _unchanged(settings, commit[:7])
    return ", ".join([*parts, *(["code changed"] if edited else [])])


def _changes(settings: Mapping[str, Any], base: Mapping[str, Any]) -> list[str]:
    """The first settings that differ from the base, shortened, and how many more there are."""
    now = differences.in_effect(settings)
    before = differences.flatten_settings({key: base[key] for key in base if key in settings})
    values = {key: now[key] for key in differences.differing_keys([now, before]) if key in now}
    texts = [
        text if len(text) <= _MAX_LENGTH else f"{text[: _MAX_LENGTH - 1]}…"
        for text in differences.describe_settings(values, list(values))
    ]
    more = [f"and {len(texts) - _MAX_SETTINGS} more"] if len(texts) > _MAX_SETTINGS else []
    return [*texts[:_MAX_SETTINGS], *more]


def _unchanged(settings: Mapping[str, Any], *commit: str) -> list[str]:
    """The name of a run whose settings are those of its base: method, commit if known, seed."""
    method, seed = (value_at(settings, f"pretrain.{key}") for key in ("method", "seed"))
    return [str(method), *commit, f"seed {seed}"]


def _current_settings() -> Mapping[str, Any]:
    return _mapping(Path(_PARAMS).read_text("utf-8"))


def _settings_at(commit: str) -> Mapping[str, Any]:
    """The tree in a commit's params.yaml; empty if the file is missing or broken."""
    try:
        return _mapping(dvc_experiments.text_at(commit, Path(_PARAMS)) or "")
    except YAMLError:
        return {}


def _mapping(text: str) -> Mapping[str, Any]:
    tree = YAML(typ="safe").load(text)
    return tree if isinstance(tree, dict) else {}
