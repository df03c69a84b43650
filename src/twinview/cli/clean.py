"""Shows what takes space on disk and how to free it; removes caches and checkpoints.

Removes only what is named, and refuses to remove what a running stage or experiment may need.
Decoded pictures are decoded again when stage prepare needs them. After `views`, `dvc repro` renders
them again, and then says that all is up to date.

    $ twinview clean checkpoints
"""

import argparse
from dataclasses import asdict

from twinview.cli.outcome import Outcome
from twinview.release import clean


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to remove."""
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"what to remove: {', '.join(clean.NAMES)}"
    )


def run(options: argparse.Namespace) -> Outcome:
    """A line each, with bytes; of what lies there, or of what was removed."""
    if options.names:
        removed = clean.remove(options.names)
        lines = [f"{_megabytes(count)}  {name} removed" for name, count in removed.items()]
        return Outcome("\n".join(lines), {"removed": removed})
    parts = clean.parts()
    lines = [f"{_megabytes(p.bytes)}  {name:<28}  `{p.command}`" for name, p in parts.items()]
    return Outcome("\n".join(lines), {name: asdict(part) for name, part in parts.items()})


def _megabytes(count: int) -> str:
    return f"{count / 1e6:>12,.1f} MB"
