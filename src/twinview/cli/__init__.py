"""Contrastive representation learning as a reproducible pipeline.

Exit status: 0 success; 1 an error that you can correct, or a gate that fails; 2 wrong usage;
130 stopped by Ctrl-C; if `dvc repro` fails, its own status.

A command is one file of this folder: its docstring is the help and ends with an example,
`add_arguments(parser)` adds the command's own, and `run(options)` gives an Outcome. Only the
command that is asked for is loaded; programs that take seconds to load are imported inside
functions.
"""

import argparse
import ast
import contextlib
import importlib
import io
import json
import os
import shutil
import sys
import textwrap
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from twinview.cli import project
from twinview.cli.outcome import Outcome
from twinview.core import errors
from twinview.core.errors import TwinviewError

# In the order in which a user meets them.
GROUPS = {
    "Run": ("check", "use", "repro", "show", "ui"),
    "Compare": ("seeds", "compare", "sweep", "measure"),
    "Guard and ship": ("gate", "promote"),
    "Use the encoder": ("embed", "neighbours", "export"),
    "Keep in order": ("clean", "generate"),
}
_OTHERS = ("__init__", "__main__", "arguments", "outcome", "project")
_END = (
    "Every command has --help, with an example; --json, which prints the result as JSON and all "
    "else to standard error; and --debug, which shows the traceback of an error. More is in "
    "docs/terminal.md."
)
_WIDEST = 100


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; errors that a user can mend are one paragraph without a traceback."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # for a terminal that has no UTF-8
    try:
        options = _parser(sys.argv[1:] if arguments is None else arguments)
        return _run(options)
    except KeyboardInterrupt:
        print("twinview: stopped by Ctrl-C", file=sys.stderr)
        return errors.INTERRUPTED


def commands() -> list[str]:
    """The names of all commands, in the order of GROUPS; those of no group last."""
    here = Path(__file__).parent
    found = sorted(path.stem for path in here.glob("*.py") if path.stem not in _OTHERS)
    order = [name for names in GROUPS.values() for name in names]
    return sorted(found, key=lambda name: order.index(name) if name in order else len(order))


def _run(options: argparse.Namespace) -> int:
    if options.debug:
        os.environ[errors.DEBUG] = "1"  # stages that it starts show theirs too
    try:
        with contextlib.redirect_stdout(sys.stderr if options.json else sys.stdout):
            options.require_project(options)
            outcome: Outcome = options.run(options)
        _say(outcome, options.json)
    except (TwinviewError, OSError) as error:
        said = errors.describe(error)
        print(f"twinview: {said}", file=sys.stderr)
        faults = error.faults if isinstance(error, TwinviewError) else ()
        outcome = Outcome("", {"error": said, "faults": list(faults)}, 1)
        _say(outcome, options.json)
    return outcome.after() if outcome.after else outcome.status


def _say(outcome: Outcome, as_json: bool) -> None:
    said = json.dumps(outcome.data, indent=2) if as_json else outcome.text
    if not said:
        return
    try:
        print(said, flush=True)
    except BrokenPipeError:  # the reader, such as `head`, has what it wants
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parser(arguments: Sequence[str]) -> argparse.Namespace:
    """The options of a command line. Only the command that it names is loaded."""
    about, statuses, _ = str(__doc__).split("\n\n", 2)
    whole = _made("twinview", f"{about}\n\n{_listed()}", f"{statuses}\n\n{_END}")
    whole.usage = "twinview [-h] COMMAND ..."
    whole.add_argument("command", choices=commands(), metavar="COMMAND", help=argparse.SUPPRESS)
    name = whole.parse_args(arguments[:1]).command
    module = importlib.import_module(f"twinview.cli.{name}")
    summary, _, more = str(module.__doc__).partition("\n\n")
    own = _made(f"twinview {name}", summary, more)
    own.add_argument("--json", action="store_true", help="print the result as JSON")
    own.add_argument("--debug", action="store_true", help="show the traceback of an error")
    module.add_arguments(own)
    own.set_defaults(run=module.run, require_project=partial(project.require, name, parser=own))
    return own.parse_args(arguments[1:])


def _made(program: str, description: str, end: str) -> argparse.ArgumentParser:
    return argparse.ArgumentParser(
        program,
        description=_filled(description),
        epilog=_filled(end),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def _listed() -> str:
    """The commands with their summaries, group by group."""
    rest = {"Others": tuple(set(commands()).difference(*GROUPS.values()))}
    groups = {title: [n for n in commands() if n in of] for title, of in (GROUPS | rest).items()}
    parts = []
    for title, names in groups.items():
        lines = [_filled(_summary(name), f"  {name:<12}", " " * 14) for name in names]
        parts.append("\n".join([f"  {title}:", *(f"  {line}" for line in lines)]))
    return "\n\n".join(part for part in parts if "\n" in part)


def _summary(name: str) -> str:
    """The first line of a command's docstring, read without loading what it imports."""
    tree = ast.parse((Path(__file__).parent / f"{name}.py").read_text(encoding="utf-8"))
    return str(ast.get_docstring(tree)).partition("\n")[0]


def _filled(text: str, first: str = "", others: str = "") -> str:
    """Paragraphs as wide as the terminal; indented ones, such as examples, as they are."""
    width = min(_WIDEST, shutil.get_terminal_size().columns) - 2
    return "\n\n".join(
        part
        if part.startswith(" ")
        else textwrap.fill(
            part, width, initial_indent=first, subsequent_indent=others, break_on_hyphens=False
        )
        for part in text.strip("\n").split("\n\n")
    )
