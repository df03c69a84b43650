"""Contrastive representation learning as a reproducible pipeline.

Exit status: 0 success; 1 an error that you can correct, or a gate that fails; 2 wrong usage;
130 stopped by Ctrl-C; if `dvc repro` fails, its own status.

A command is one file of this folder. Its docstring is its help and ends with an example,
`add_arguments(parser)` adds its arguments, and `run(options)` returns an Outcome. Only the named
command is loaded; packages that take seconds to load are imported inside functions.
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

# In the order in which a user needs them.
GROUPS = {
    "Run": ("preview", "check", "use", "scan", "repro", "show", "ui"),
    "Compare": ("seeds", "compare", "sweep", "measure"),
    "Guard and ship": ("gate", "promote"),
    "Use the encoder": ("embed", "neighbours", "export"),
    "Keep in order": ("clean", "generate"),
}
_NO_COMMANDS = ("__init__", "__main__", "arguments", "outcome", "own_pictures", "project")
_END = (
    "Every command has --help, with an example; --json, which prints the result as JSON and "
    "everything else to standard error; and --debug, which shows the traceback of an error. More "
    "is in docs/terminal.md."
)
_MAX_WIDTH = 100  # columns of a help page


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit status.

    An error that the user can fix is printed as one paragraph without a traceback.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # for a terminal that has no UTF-8
    try:
        options = _parser(sys.argv[1:] if arguments is None else arguments)
        return _run(options)
    except KeyboardInterrupt:
        print("twinview: stopped by Ctrl-C", file=sys.stderr)
        return errors.INTERRUPTED


def commands() -> list[str]:
    """The names of all commands, in the order of GROUPS; commands without a group come last."""
    folder = Path(__file__).parent
    names = sorted(path.stem for path in folder.glob("*.py") if path.stem not in _NO_COMMANDS)
    order = [name for group in GROUPS.values() for name in group]
    return sorted(names, key=lambda name: order.index(name) if name in order else len(order))


def _run(options: argparse.Namespace) -> int:
    if options.debug:
        os.environ[errors.DEBUG] = "1"  # the stages that the command starts inherit it
    try:
        with contextlib.redirect_stdout(sys.stderr if options.json else sys.stdout):
            options.require_project(options)
            outcome: Outcome = options.run(options)
        _print(outcome, options.json)
    except (TwinviewError, OSError) as error:
        message = errors.describe(error)
        print(f"twinview: {message}", file=sys.stderr)
        data: dict[str, object] = {"error": message, "faults": []}
        if isinstance(error, TwinviewError):
            data["faults"] = list(error.faults)
            data |= error.fault._asdict() if error.fault else {}
        outcome = Outcome("", data, 1)
        _print(outcome, options.json)
    return outcome.after() if outcome.after else outcome.status


def _print(outcome: Outcome, as_json: bool) -> None:
    text = json.dumps(outcome.data, indent=2) if as_json else outcome.text
    if not text:
        return
    try:
        print(text, flush=True)
    except BrokenPipeError:  # the reader, such as `head`, has ended
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parser(arguments: Sequence[str]) -> argparse.Namespace:
    """The parsed options of a command line. Only the command that it names is loaded."""
    about, statuses, _ = str(__doc__).split("\n\n", 2)
    main_parser = _new_parser("twinview", f"{about}\n\n{_command_list()}", f"{statuses}\n\n{_END}")
    main_parser.usage = "twinview [-h] COMMAND ..."
    main_parser.add_argument(
        "command", choices=commands(), metavar="COMMAND", help=argparse.SUPPRESS
    )
    name = main_parser.parse_args(arguments[:1]).command
    module = importlib.import_module(f"twinview.cli.{name}")
    summary, _, details = str(module.__doc__).partition("\n\n")
    parser = _new_parser(f"twinview {name}", summary, details)
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    module.add_arguments(parser)
    require_project = partial(project.require, name, parser=parser)
    parser.set_defaults(run=module.run, require_project=require_project)
    return parser.parse_args(arguments[1:])


def _new_parser(program: str, description: str, end: str) -> argparse.ArgumentParser:
    return argparse.ArgumentParser(
        program,
        description=_wrap(description),
        epilog=_wrap(end),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def _command_list() -> str:
    """The commands with their summaries, group by group."""
    others = {"Others": tuple(set(commands()).difference(*GROUPS.values()))}
    paragraphs = []
    for title, group in (GROUPS | others).items():
        names = [name for name in commands() if name in group]
        lines = [_wrap(_summary(name), f"  {name:<12}", " " * 14) for name in names]
        if lines:
            paragraphs.append("\n".join([f"  {title}:", *(f"  {line}" for line in lines)]))
    return "\n\n".join(paragraphs)


def _summary(name: str) -> str:
    """The first line of a command's docstring, without importing the command."""
    tree = ast.parse((Path(__file__).parent / f"{name}.py").read_text(encoding="utf-8"))
    return str(ast.get_docstring(tree)).partition("\n")[0]


def _wrap(text: str, first: str = "", others: str = "") -> str:
    """Paragraphs wrapped to the terminal's width; indented ones, such as examples, unchanged."""
    width = min(_MAX_WIDTH, shutil.get_terminal_size().columns) - 2
    fill = partial(textwrap.fill, width=width, break_on_hyphens=False)
    return "\n\n".join(
        paragraph
        if paragraph.startswith(" ")
        else fill(paragraph, initial_indent=first, subsequent_indent=others)
        for paragraph in text.strip("\n").split("\n\n")
    )
