"""Shows what caches, checkpoints and experiments take on disk; removes what is named.

Removes only what is named, and never `data/raw` or the history of git. Refuses to remove what a
running stage or experiment may need. `experiments` removes the names of finished DVC experiments;
their files are then `unused`, like those of settings that were run and never committed. Afterwards
`dvc repro` says that all is up to date; after `views` it renders the views again first.

    $ twinview clean checkpoints unused
"""

import argparse
from dataclasses import asdict

from twinview.cli.outcome import Outcome
from twinview.release import clean
from twinview.stages import stage


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to remove."""
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"what to remove: {', '.join(clean.NAMES)}"
    )


def run(options: argparse.Namespace) -> Outcome:
    """A line each, with bytes; of what can be removed, or of what was."""
    if options.names:
        removed = clean.remove(options.names, stage.progress)
        lines = [f"{_megabytes(count)}  {name} removed" for name, count in removed.items()]
        return Outcome("\n".join(lines), {"removed": removed})
    kept, parts = clean.kept(), clean.parts(stage.progress)
    lines = ["On disk:", *(f"{_megabytes(count)}  {name}" for name, count in kept.items())]
    lines += ["", "`twinview clean NAME ...` removes, and makes free:"]
    lines += [f"{_megabytes(p.frees)}  {name:<11}  {p.what}" for name, p in parts.items()]
    return Outcome(
        "\n".join(lines), {"kept": kept, "removable": {n: asdict(p) for n, p in parts.items()}}
    )


def _megabytes(count: int) -> str:
    return f"{count / 1e6:>12,.1f} MB"
