"""Registers the encoder in MLflow as champion if the gate holds; otherwise status 1.

The encoder is that of the MLflow row with the results in reports/. The checks are those of
`twinview gate`, and it compares with the present champion too. If a check fails, nothing is
registered.

    $ twinview promote
"""

import argparse
import dataclasses
from typing import TYPE_CHECKING

from twinview.cli import arguments
from twinview.cli.outcome import Outcome
from twinview.core.counts import counted
from twinview.release import gate_table
from twinview.release.base_commit import base_results, base_settings

if TYPE_CHECKING:
    from twinview.release.promotion import Promotion


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the place of the thresholds, and a commit to compare with."""
    arguments.params(parser)
    arguments.baseline(parser)


def run(options: argparse.Namespace) -> Outcome:
    """The gate's table, and a sentence on what was registered."""
    from twinview.release import promotion  # loads scikit-learn

    settings, place = base_settings(options.baseline, options.params)
    has_baseline = options.baseline is not None
    references = [base_results(options.baseline, options.params)] if has_baseline else []
    result = promotion.promote(settings, place, references)
    table = [gate_table.text(result.checks, place)] if result.checks else []
    data = dataclasses.asdict(result) | {"thresholds": place}
    return Outcome("\n".join([*table, _sentence(result)]), data, 0 if result.version else 1)


def _sentence(result: "Promotion") -> str:
    if result.version is None:
        return f"twinview: nothing is registered; the champion of {result.model} stays as it was"
    name = f"version {result.version} of {result.model}"
    if not result.checks:
        count = counted(result.trainings, "training")
        return f"twinview: this encoder is {name}, and champion already; its card is about {count}"
    if not result.registered:
        return f"twinview: this encoder is {name} already; it is champion now"
    return f"twinview: registered as {name}, and champion now: models:/{result.model}@champion"
