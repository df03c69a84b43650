"""Runs the pipeline for several seeds and writes the scoreboard and README's tables.

It trains once a seed, from a tree without changes, and takes as long as so many `make repro`.
Removes the checkpoints of unfinished trainings first, which would save time.

    $ twinview measure --seeds 3
"""

import argparse

from twinview.cli.outcome import Outcome
from twinview.core import files
from twinview.evidence import scoreboard
from twinview.release import clean
from twinview.stages import stage


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How many seeds."""
    parser.add_argument("--seeds", type=int, default=3, help="trainings to measure")


def run(options: argparse.Namespace) -> Outcome:
    """Writes reports/scoreboard.json and the README's table."""
    scoreboard.require_measurable(options.seeds)
    clean.remove(["checkpoints"])
    with stage.alone("repro"):
        scoreboard.measure(options.seeds)
    scores = files.load_json(scoreboard.SCOREBOARD)
    return Outcome(f"twinview: {scoreboard.SCOREBOARD} is written", scores)
