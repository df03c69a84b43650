"""Measures the README's table of results, over several training seeds.

Writes reports/scoreboard.json and the table. Each seed takes as long as a `make repro`. Commit all
changes first. The command removes the checkpoints of unfinished trainings, because they would
shorten the time that is measured.

    $ twinview measure --seeds 3
"""

import argparse

from twinview.cli.outcome import Outcome
from twinview.core import files
from twinview.evidence import scoreboard
from twinview.release import clean
from twinview.stages import stage


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the number of seeds."""
    parser.add_argument("--seeds", type=int, default=3, help="how many; default: 3")


def run(options: argparse.Namespace) -> Outcome:
    """Writes reports/scoreboard.json and the README's table."""
    scoreboard.require_measurable(options.seeds)
    clean.remove(["checkpoints"])
    with stage.folder_lock("repro"):
        scoreboard.measure(options.seeds)
    scores = files.load_json(scoreboard.SCOREBOARD)
    return Outcome(f"twinview: {scoreboard.SCOREBOARD} is written", scores)
