"""Writes a recipe's settings into params.yaml, and takes them back by --undo.

The result is checked as a whole before anything is written; comments stay. -S has the form of `dvc
exp run`. --undo takes the last use back; a second --undo takes back the use before it.

    $ twinview use recipes/long.yaml -S pretrain.epochs=20
"""

import argparse
import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from twinview.cli.outcome import Outcome
from twinview.core.errors import ConfigError
from twinview.experiments import params_edits
from twinview.experiments.dvc_writer import ABSENT, Changes
from twinview.settings import recipes
from twinview.stages import stage


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the recipe, the settings, and --undo."""
    about = "a file of recipes/, or its name without .yaml"
    parser.add_argument("recipe", nargs="?", metavar="RECIPE", help=about)
    parser.add_argument(
        "-S", "--set-param", action="append", default=[], metavar="KEY=VALUE",
        help="a setting, after the recipe's; may be given several times",
    )  # fmt: skip
    parser.add_argument("--undo", action="store_true", help="take the last use back")


def run(options: argparse.Namespace) -> Outcome:
    """The changed settings. Raises ConfigError when the result would have a fault."""
    has_settings = bool(options.recipe or options.set_param)
    if options.undo and has_settings:
        raise ConfigError("--undo takes the last use back; give it no recipe and no -S")
    if options.undo:
        return undo_last()
    if not has_settings:
        names = ", ".join(recipes.list_recipes()) or "there is none"
        raise ConfigError(f"name a recipe ({names}), or settings by -S KEY=VALUE, or give --undo")
    return apply_recipe(recipes.find(options.recipe) if options.recipe else None, options.set_param)


def apply_recipe(
    recipe: Path | None, overrides: list[str], values: Mapping[str, Any] | None = None
) -> Outcome:
    """Writes a recipe, values and overrides into params.yaml; returns the changed settings."""
    with stage.folder_lock("repro"):  # a running pipeline would record the new settings
        edit = params_edits.apply(recipe, overrides, values)
    if not edit.changes:
        return Outcome(f"twinview: params.yaml has the values of {edit.source} already", _data({}))
    lines = [
        f"twinview: params.yaml has the values of {edit.source} now:",
        *_lines(edit.changes, params_edits.uncommitted(edit)),
        "`twinview use --undo` takes them back",
    ]
    return Outcome("\n".join(lines), _data(edit.changes))


def undo_last() -> Outcome:
    """Takes the last edit of params.yaml back; returns the changed settings."""
    with stage.folder_lock("repro"):
        undo = params_edits.undo()
    state = "is what it was, to the byte" if undo.exact else "keeps what was edited since"
    if not undo.restored:
        state = "had none of its values any more"
    lines = [f"twinview: {undo.source} is taken back; params.yaml {state}", *_lines(undo.restored)]
    if undo.not_restored:
        names = ", ".join(
            f"{'.'.join(key)}: {_text(old)}" for key, (old, *_) in undo.not_restored.items()
        )
        lines.append(f"These were changed after it, and stay: {names}")
    return Outcome("\n".join(lines), _data(undo.restored))


def _lines(changes: Changes, uncommitted: Collection[Any] = ()) -> list[str]:
    """One line for each setting: its key, its old and its new value."""
    note = " (the old value is in no commit)"
    return [
        f"  {'.'.join(key)}: {_text(old)} -> {_text(new)}{note if key in uncommitted else ''}"
        for key, (old, new) in changes.items()
    ]


def _text(value: object) -> str:
    return "absent" if value is ABSENT else json.dumps(value)


def _data(changes: Changes) -> dict[str, Any]:
    """The values before and after by dotted key; null where there was none."""
    changed = {
        ".".join(key): [None if value is ABSENT else value for value in values]
        for key, values in changes.items()
    }
    return {"file": "params.yaml", "changed": changed}
