"""Trains with more seeds, so that results get intervals; continues where it stopped.

Runs the pipeline, then COUNT - 1 DVC experiments that differ from it only in pretrain.seed and
baselines.seed. All results go to reports/seeds.json, a file to commit. Commit your changes first,
because an experiment starts from the commit.

Says at the end how many nearest neighbours the trainings have in common.

    $ twinview seeds 5
"""

import argparse

from twinview.cli import check, show
from twinview.cli.outcome import Outcome
from twinview.experiments import seeding
from twinview.experiments.recorded_run import PARAMS
from twinview.stages import stage


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the number of seeds."""
    parser.add_argument(
        "count", nargs="?", type=int, default=3, help="trainings in total; default: 3"
    )


def run(options: argparse.Namespace) -> Outcome:
    """Writes reports/seeds.json; returns the results with their intervals."""
    from twinview.evidence import neighbour_stability  # here, since it loads PyTorch

    print(check.check_project(PARAMS).text)
    with stage.folder_lock("repro"):
        trained = seeding.run(options.count)
        found = neighbour_stability.stability(seeding.trained_runs(trained))
    shown, sentence = show.run(options), neighbour_stability.describe(found)
    shares = {one.contender: list(one.shares) for one in found}
    return Outcome(
        "\n".join(filter(None, [shown.text, sentence])),
        {**shown.data, "shared_neighbours": shares},
    )
