"""Edits of params.yaml by recipes and by `-S`, and how they are taken back.

The texts before and after each edit lie in .dvc/tmp/twinview/, so that undo works without git.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError
from ruamel.yaml.error import YAMLError

from twinview.core import commands, files, paths
from twinview.core.errors import ConfigError, DataError
from twinview.experiments import dvc_writer
from twinview.experiments.dvc_experiments import text_at
from twinview.experiments.dvc_writer import Changes, value_at
from twinview.settings import params, recipes

FILE = Path("params.yaml")
HISTORY = paths.SCRATCH / "twinview/params_edits.json"
_MOST = 20  # edits that are kept


@dataclass(frozen=True)
class Edit:
    """One change of params.yaml. source: the recipe and the overrides that it came from."""

    source: str
    before: str
    after: str

    @property
    def changes(self) -> Changes:
        """The settings that differ."""
        return dvc_writer.changes(
            dvc_writer.parse_yaml(self.before), dvc_writer.parse_yaml(self.after)
        )


@dataclass(frozen=True)
class Undone:
    """An edit that was taken back. back: the settings that changed; kept: those that got another
    value after the edit, and keep it. exact: the file is what it was, to the byte."""

    source: str
    restored: Changes
    not_restored: Changes
    exact: bool


def apply(recipe: Path | None, overrides: Sequence[str]) -> Edit:
    """Writes a recipe's values, and then DVC's overrides (`pretrain.epochs=3`), into params.yaml.

    Raises ConfigError, and writes nothing, where the result would not be in order. An edit that
    changes no setting writes nothing either.
    """
    source = ", ".join([*([str(recipe)] if recipe else []), *(f"-S {one}" for one in overrides)])
    base, before = params.mapping(FILE), _text()
    whole = recipes.merge(base, params.mapping(recipe) if recipe else {})
    after = dvc_writer.with_values(before, dvc_writer.changes(base, whole))
    after = dvc_writer.with_overrides(after, overrides) if overrides else after
    edit = Edit(source, before, after)
    params.check_stated(dvc_writer.parse_yaml(after), f"{FILE} with {source}")
    if edit.changes:
        _keep([*_history(), edit])
        _write(after)
    return edit


def undo() -> Undone:
    """Takes the last edit back. Where params.yaml was edited since, only its own settings change.

    Raises ConfigError where there is no edit.
    """
    edits = _history()
    if not edits:
        raise ConfigError(
            f"there is nothing to undo: {HISTORY} knows of no edit; "
            f"`git checkout HEAD -- {FILE}` brings back the commit's file"
        )
    edit, now, tree = edits[-1], _text(), params.mapping(FILE)
    found = {key: (value_at(tree, key), old) for key, (old, _) in edit.changes.items()}
    back = {key: own for key, own in found.items() if own[0] == edit.changes[key][1]}
    kept = {key: own for key, own in found.items() if key not in back and own[0] != own[1]}
    exact = now == edit.after
    _write(edit.before if exact else dvc_writer.with_values(now, back))
    _keep(edits[:-1])
    return Undone(edit.source, back, kept, exact)


def uncommitted(edit: Edit) -> list[Any]:
    """The keys whose values before the edit are not those of the last commit, where git has one."""
    try:
        commit = commands.head_commit()
        text = text_at(commit, FILE) if commit else None
        tree = dvc_writer.parse_yaml(text) if text else None
    except (DataError, YAMLError):
        return []
    if not isinstance(tree, Mapping):
        return []
    return [key for key, (old, _) in edit.changes.items() if value_at(tree, key) != old]


def _text() -> str:
    return FILE.read_bytes().decode()


def _write(text: str) -> None:
    with files.atomic_file(FILE) as temporary:
        temporary.write_bytes(text.encode())


def _history() -> list[Edit]:
    if not HISTORY.exists():
        return []
    try:
        return TypeAdapter(list[Edit]).validate_json(HISTORY.read_bytes())
    except ValidationError:
        raise ConfigError(
            f"{HISTORY} is broken; delete it, and edit {FILE} by hand: `git diff {FILE}` says "
            "what differs from the commit"
        ) from None


def _keep(edits: Sequence[Edit]) -> None:
    with files.atomic_file(HISTORY) as temporary:
        temporary.write_text(json.dumps([asdict(one) for one in edits[-_MOST:]], indent=1))
