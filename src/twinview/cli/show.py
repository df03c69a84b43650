"""Prints the results of the last run.

Prints the accuracy on test of the encoder and of its baselines, the tasks in which the encoder is
better and worse, the verdict on the training, and the commands to type next.

    $ twinview show --json
"""

import argparse

from twinview.cli.outcome import Outcome
from twinview.reporting.summary import results
from twinview.reporting.summary_text import summary


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds none."""


def run(options: argparse.Namespace) -> Outcome:
    """The results of the last run."""
    return show_results()


def show_results(run_minutes: float | None = None) -> Outcome:
    """The results as text and as data. run_minutes: see summary_text.summary."""
    scores = results()
    return Outcome(summary(scores, run_minutes), scores)
