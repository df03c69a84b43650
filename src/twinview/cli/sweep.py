"""Trains all methods, all objectives or a recipe; continues where it stopped.

All methods, or all objectives, are trained at equal cost, so that their results can be compared.
Each training is a DVC experiment; commit all changes first. The table in reports/ grows seed by
seed.

    $ twinview sweep objectives --best 5
"""

import argparse

from twinview.cli.outcome import Outcome
from twinview.core import files
from twinview.evidence import scoreboard


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds what is trained, and its budget."""
    parser.add_argument("kind", choices=["methods", "objectives", "long", "clipart", "stamps"])
    parser.add_argument(
        "--epochs",
        type=int,
        default=4,
        help="epochs of SimCLR; the other methods get the same cost; default: 4",
    )
    parser.add_argument("--seeds", type=int, default=3, help="seeds for each; default: 3")
    parser.add_argument(
        "--best", type=int, help="train this number of leaders only with the second seed and later"
    )


def run(options: argparse.Namespace) -> Outcome:
    """Writes reports/<kind>.md and the scoreboard."""
    from twinview.evidence import sweeps  # loads torch

    if options.kind == "long":
        sweeps.long(options.seeds)
    elif options.kind in sweeps.PICTURES:
        sweeps.pictures(options.kind, options.seeds)
    else:
        sweeps.sweep(options.kind, options.epochs, options.seeds, options.best)
    scores = files.load_json(scoreboard.SCOREBOARD)
    return Outcome(f"twinview: {scoreboard.SCOREBOARD} is written", scores)
