"""Writes a recipe's settings into params.yaml, and takes them back by --undo.

The result is checked as a whole before anything is written; comments stay. -S is written as for
`dvc exp run`. --undo takes the last use back, and called again the one before.

    $ twinview use recipes/long.yaml -S pretrain.epochs=20
"""

import argparse
import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from twinview.cli.outcome import Outcome
from twinview.core.errors import ConfigError
from twinview.experiments import params_edits
from twinview.experiments.dvc_writer import ABSENT, Changes
from twinview.settings import recipes
from twinview.stages import stage


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to write, or --undo."""
    known = "a file of recipes/, or its name without .yaml"
    parser.add_argument("recipe", nargs="?", metavar="RECIPE", help=known)
    parser.add_argument(
        "-S", "--set-param", action="append", default=[], metavar="KEY=VALUE",
        help="a setting, after the recipe's; may be given several times",
    )  # fmt: skip
    parser.add_argument("--undo", action="store_true", help="take the last use back")


def run(options: argparse.Namespace) -> Outcome:
    """What changed. Raises ConfigError for a result that would not be in order."""
    given = bool(options.recipe or options.set_param)
    if options.undo and given:
        raise ConfigError("--undo takes the last use back; give it no recipe and no -S")
    if options.undo:
        return undone()
    if not given:
        names = ", ".join(recipes.list_recipes()) or "there is none"
        raise ConfigError(f"name a recipe ({names}), or settings by -S KEY=VALUE, or give --undo")
    return used(recipes.find(options.recipe) if options.recipe else None, options.set_param)


def used(recipe: Path | None, overrides: list[str]) -> Outcome:
    """Applies a recipe and overrides to params.yaml."""
    with stage.alone("repro"):  # a run that is at work would record the new settings as its own
        edit = params_edits.apply(recipe, overrides)
    if not edit.changes:
        return Outcome(f"twinview: params.yaml has the values of {edit.source} already", _data({}))
    lines = [
        f"twinview: params.yaml has the values of {edit.source} now, in place of its own:",
        *_lines(edit.changes, params_edits.uncommitted(edit)),
        "`twinview use --undo` takes them back",
    ]
    return Outcome("\n".join(lines), _data(edit.changes))


def undone() -> Outcome:
    """Takes the last edit of params.yaml back."""
    with stage.alone("repro"):
        found = params_edits.undo()
    state = "is what it was, to the byte" if found.exact else "keeps what was edited since"
    if not found.restored:
        state = "had none of its values any more"
    lines = [
        f"twinview: {found.source} is taken back; params.yaml {state}",
        *_lines(found.restored),
    ]
    if found.not_restored:
        names = ", ".join(
            f"{'.'.join(key)}: {_shown(own[0])}" for key, own in found.not_restored.items()
        )
        lines.append(f"These were changed after it, and stay: {names}")
    return Outcome("\n".join(lines), _data(found.restored))


def _lines(changes: Changes, uncommitted: Collection[Any] = ()) -> list[str]:
    """key: old -> new, a line each."""
    note = " (the old value is in no commit)"
    return [
        f"  {'.'.join(key)}: {_shown(old)} -> {_shown(new)}{note if key in uncommitted else ''}"
        for key, (old, new) in changes.items()
    ]


def _shown(value: object) -> str:
    return "absent" if value is ABSENT else json.dumps(value)


def _data(changes: Changes) -> dict[str, Any]:
    """By dotted key, the value before and after; null for none."""
    plain = {
        ".".join(key): [None if value is ABSENT else value for value in own]
        for key, own in changes.items()
    }
    return {"file": "params.yaml", "changed": plain}
