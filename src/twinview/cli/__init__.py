"""Contrastive representation learning as a reproducible pipeline.

Exit status: 0 well; 1 a fault to mend, or a gate that fails; 2 wrong usage; that of `dvc repro`
where it fails.

A command is one file of this folder: its docstring is the help, `add_arguments(parser)` adds the
command's own, and `run(options)` gives an Outcome. Programs that take seconds to load are imported
inside functions.
"""

import argparse
import contextlib
import importlib
import json
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from twinview.cli.outcome import Outcome
from twinview.errors import TwinviewError

_OTHERS = ("__init__", "__main__", "outcome")
_END = (
    "Every command: --json prints its result as JSON, and all else to standard error; "
    "--debug shows the traceback of an error."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; errors that a user can mend are one paragraph without a traceback."""
    options = parser().parse_args(arguments)
    try:
        with contextlib.redirect_stdout(sys.stderr if options.json else sys.stdout):
            outcome: Outcome = options.run(options)
    except TwinviewError as error:
        if options.debug:
            traceback.print_exc()
        print(f"twinview: {error}", file=sys.stderr)
        outcome = Outcome("", {"error": str(error)}, 1)
    said = json.dumps(outcome.data, indent=2) if options.json else outcome.text
    if said:
        print(said)
    return outcome.status


def commands() -> list[str]:
    """The names of all commands, sorted."""
    here = Path(__file__).parent
    return sorted(path.stem for path in here.glob("*.py") if path.stem not in _OTHERS)


def parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    about, _, statuses = str(__doc__).partition("\n\n")
    end = f"{statuses.partition(chr(10) * 2)[0]}\n\n{_END}"
    whole = argparse.ArgumentParser("twinview", description=about, epilog=end)
    kinds = whole.add_subparsers(required=True, metavar="COMMAND")
    for name in commands():
        module = importlib.import_module(f"twinview.cli.{name}")
        summary, _, more = str(module.__doc__).partition("\n\n")
        own = kinds.add_parser(name, help=summary, description=summary, epilog=more.strip())
        own.add_argument("--json", action="store_true", help="the result as JSON")
        own.add_argument("--debug", action="store_true", help="show an error's traceback")
        module.add_arguments(own)
        own.set_defaults(run=module.run)
    return whole
