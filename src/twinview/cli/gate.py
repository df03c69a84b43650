"""Checks results against limits, raw pixels and earlier results; status 1 if a check fails.

The limits stand in params.yaml under `gate`, or in the base commit's params.yaml if --baseline
names one. A table says for each check whether it holds, fails, or has nothing to compare with, and
why.

    $ twinview gate --baseline origin/main
"""

import argparse
import dataclasses
from collections.abc import Iterator
from pathlib import Path

from twinview.cli import arguments
from twinview.cli.outcome import Outcome
from twinview.core.errors import ConfigError
from twinview.experiments import recorded_run
from twinview.release import gate_table
from twinview.release.base_commit import base_results, base_settings
from twinview.release.champions import champion_results
from twinview.release.gate import Reference, holds, run_gate


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the places of thresholds and results, and what to compare with."""
    arguments.params(parser)
    arguments.baseline(parser)
    parser.add_argument(
        "--champion", action="store_true", help="compare with the champion in MLflow's registry too"
    )
    parser.add_argument(
        "--results",
        type=Path,
        default=Path(),
        metavar="FOLDER",
        help="the folder that contains reports/",
    )
    parser.add_argument(
        "--markdown", type=Path, metavar="FILE", help="append the table to FILE, for a pull request"
    )


def run(options: argparse.Namespace) -> Outcome:
    """The table of checks; status 1 when one fails."""
    settings, place = base_settings(options.baseline, options.params)
    references = list(_references(options, settings.model))
    checks = run_gate(settings, recorded_run.in_folder(options.results), references)
    if options.markdown:
        _write(options.markdown, gate_table.markdown(checks, place))
    data = {
        "holds": holds(checks),
        "thresholds": place,
        "checks": [dataclasses.asdict(check) for check in checks],
    }
    return Outcome(gate_table.text(checks, place), data, 0 if holds(checks) else 1)


def _references(options: argparse.Namespace, model: str) -> Iterator[Reference]:
    if options.baseline is not None:
        yield base_results(options.baseline, options.params)
    if options.champion:
        yield champion_results(model)


def _write(path: Path, table: str) -> None:
    try:
        with path.open("a") as file:  # GitHub's summary may have text of other commands
            file.write(table)
    except OSError as error:
        raise ConfigError.at(
            "--markdown", f"is {path}, which cannot be written ({error.strerror})", "name another"
        ) from None
