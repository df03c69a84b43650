"""Compares all methods, or all objectives, or trains recipes/long.yaml; goes on where left.

Each training is a DVC experiment, from a tree without changes; the table in reports/ grows seed by
seed.

    $ twinview sweep objectives --best 5
"""

import argparse

from twinview.cli.outcome import Outcome
from twinview.core import files
from twinview.evidence import scoreboard


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What is swept, and its budget."""
    parser.add_argument("kind", choices=["methods", "objectives", "long"])
    parser.add_argument("--epochs", type=int, default=4, help="SimCLR's; others' as costly")
    parser.add_argument("--seeds", type=int, default=3, help="trainings to measure")
    parser.add_argument("--best", type=int, help="seeds after the first: of so many leaders")


def run(options: argparse.Namespace) -> Outcome:
    """Writes reports/<kind>.md and the scoreboard."""
    from twinview.evidence import sweeps  # loads torch

    if options.kind == "long":
        sweeps.long(options.seeds)
    else:
        sweeps.sweep(options.kind, options.epochs, options.seeds, options.best)
    scores = files.load_json(scoreboard.SCOREBOARD)
    return Outcome(f"twinview: {scoreboard.SCOREBOARD} is written", scores)
