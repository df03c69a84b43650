"""Registers the encoder in MLflow as champion if the gate holds; otherwise status 1.

The encoder is that of the MLflow row with the results in reports/. The gate is that of `twinview
gate`, against the present champion too. If it fails, nothing is registered.

    $ twinview promote
"""

import argparse
import dataclasses
from typing import TYPE_CHECKING

from twinview.cli import arguments
from twinview.cli.outcome import Outcome
from twinview.release import gate_table
from twinview.release.base_commit import base_results, base_settings

if TYPE_CHECKING:
    from twinview.release.promotion import Promotion


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where the thresholds are, and what to compare with beside the champion."""
    arguments.params(parser)
    arguments.baseline(parser)


def run(options: argparse.Namespace) -> Outcome:
    """The gate's table, and what became of the encoder."""
    from twinview.release import promotion  # it loads scikit-learn

    settings, place = base_settings(options.baseline, options.params)
    given = options.baseline is not None
    references = [base_results(options.baseline, options.params)] if given else []
    done = promotion.promote(settings, place, references)
    table = [gate_table.text(done.checks, place)] if done.checks else []
    data = dataclasses.asdict(done) | {"thresholds": place}
    return Outcome("\n".join([*table, _said(done)]), data, 0 if done.version else 1)


def _said(done: "Promotion") -> str:
    if done.version is None:
        return f"twinview: nothing is registered; the champion of {done.model} stays as it was"
    name = f"version {done.version} of {done.model}"
    if not done.checks:
        seeds = f"its card tells of {done.trainings} training{'s' if done.trainings > 1 else ''}"
        return f"twinview: this encoder is {name}, and champion already; {seeds}"
    if not done.registered:
        return f"twinview: this encoder is {name} already; it is champion now"
    return f"twinview: registered as {name}, and champion now: models:/{done.model}@champion"
