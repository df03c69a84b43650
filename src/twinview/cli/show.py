"""Prints the results of the last run.

Accuracy on test of our encoder and its baselines, and the verdict on the training.

    $ twinview show --json
"""

import argparse

from twinview.cli.outcome import Outcome
from twinview.summary import results, summary


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """None."""


def run(options: argparse.Namespace) -> Outcome:
    """Our encoder beside its baselines."""
    found = results()
    return Outcome(summary(found), found)
