"""Edits params.yaml by recipes and by `-S`, and undoes these edits.

The texts before and after each edit are in .dvc/tmp/twinview/, so that undo works without git.
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
from twinview.experiments.dvc_writer import ABSENT, Changes
from twinview.settings import params, recipes
from twinview.settings.dotted import value_at

FILE = Path("params.yaml")
HISTORY = paths.SCRATCH / "twinview/params_edits.json"
_MOST = 20  # edits in the history


@dataclass(frozen=True)
class Edit:
    """One change of params.yaml. source: the recipe and the overrides that caused it."""

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
    """An edit that was undone.

    restored: the settings that changed back. not_restored: settings that were changed again after
    the edit, and stay. exact: the file is equal to the byte to the one before the edit.
    """

    source: str
    restored: Changes
    not_restored: Changes
    exact: bool


def apply(
    recipe: Path | None, overrides: Sequence[str], values: Mapping[str, Any] | None = None
) -> Edit:
    """Writes a recipe's values, and then others, into params.yaml.

    An edit that changes no setting writes nothing.

    Parameters
    ----------
    recipe : its file, or None.
    overrides : in DVC's form, such as `pretrain.epochs=3`.
    values : settings by section, as a recipe has them; they come after the recipe's.

    Raises
    ------
    ConfigError : the result would have a fault. Nothing is written.
    """
    source = ", ".join([*([str(recipe)] if recipe else []), *(f"-S {text}" for text in overrides)])
    base, before = params.mapping(FILE), _text()
    merged = recipes.merge(base, params.mapping(recipe) if recipe else {})
    merged = recipes.merge(merged, values or {})
    after = dvc_writer.with_values(before, dvc_writer.changes(base, merged))
    after = dvc_writer.with_overrides(after, overrides) if overrides else after
    edit = Edit(source, before, after)
    params.check_stated(dvc_writer.parse_yaml(after), f"{FILE} with {source}")
    if edit.changes:
        _save([*_history(), edit])
        _write(after)
    return edit


def undo() -> Undone:
    """Undoes the last edit. If params.yaml was edited since, only the edit's settings change.

    Raises ConfigError if there is no edit.
    """
    edits = _history()
    if not edits:
        raise ConfigError(
            f"there is nothing to undo: {HISTORY} has no edit; "
            f"`git checkout HEAD -- {FILE}` brings back the commit's file"
        )
    edit, now, tree = edits[-1], _text(), params.mapping(FILE)
    restored, not_restored = {}, {}
    for key, (old, new) in edit.changes.items():
        current = value_at(tree, key, ABSENT)
        if current == new:
            restored[key] = current, old
        elif current != old:
            not_restored[key] = current, old
    exact = now == edit.after
    _write(edit.before if exact else dvc_writer.with_values(now, restored))
    _save(edits[:-1])
    return Undone(edit.source, restored, not_restored, exact)


def uncommitted(edit: Edit) -> list[Any]:
    """The keys whose values before the edit are not those of the last commit, if there is one."""
    try:
        commit = commands.head_commit()
        text = text_at(commit, FILE) if commit else None
        tree = dvc_writer.parse_yaml(text) if text else None
    except (DataError, YAMLError):
        return []
    if not isinstance(tree, Mapping):
        return []
    return [key for key, (old, _) in edit.changes.items() if value_at(tree, key, ABSENT) != old]


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
            f"{HISTORY} is broken; delete it, and edit {FILE} by hand: `git diff {FILE}` shows "
            "what differs from the commit"
        ) from None


def _save(edits: Sequence[Edit]) -> None:
    with files.atomic_file(HISTORY) as temporary:
        temporary.write_text(json.dumps([asdict(edit) for edit in edits[-_MOST:]], indent=1))
