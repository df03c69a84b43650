"""Prints the results of the last run.

Prints the accuracy on test of the encoder and of its baselines, where the encoder is better and
worse, the verdict on the training, and what to type next.

    $ twinview show --json
"""

import argparse

from twinview.cli.outcome import Outcome
from twinview.reporting.summary import results
from twinview.reporting.summary_text import summary


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """None."""


def run(options: argparse.Namespace) -> Outcome:
    """Our encoder beside its baselines."""
    return show_results()


def show_results(run_minutes: float | None = None) -> Outcome:
    """The results in words and as data. run_minutes: see summary_text.summary."""
    found = results()
    return Outcome(summary(found, run_minutes), found)
