"""Trains with further seeds, so that results have intervals; goes on where it was left.

Runs the pipeline, then COUNT - 1 DVC experiments that differ from it only in pretrain.seed and
baselines.seed, and keeps all results in reports/seeds.json, which belongs into git. Needs a
committed working tree, since an experiment starts from the commit.

    $ twinview seeds 5
"""

import argparse

from twinview.cli import check, show
from twinview.cli.outcome import Outcome
from twinview.experiments import seeding
from twinview.experiments.recorded_run import PARAMS
from twinview.stages import stage


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How many seeds."""
    parser.add_argument("count", nargs="?", type=int, default=3, help="trainings in all; 3 without")


def run(options: argparse.Namespace) -> Outcome:
    """Writes reports/seeds.json; prints the results with their intervals."""
    print(check.checked(PARAMS).text)
    with stage.alone("repro"):
        seeding.run(options.count)
    return show.run(options)
