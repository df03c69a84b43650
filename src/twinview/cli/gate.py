"""Holds the results against the floors; status 1 when one does not hold.

The floors are `gate:` of params.yaml; with --baseline those of that commit, so that a change cannot
lower its own bar.

    $ twinview gate --baseline origin/main
"""

import argparse
import dataclasses
from pathlib import Path

from twinview.cli.outcome import Outcome
from twinview.gate import base_settings, run_gate


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where the floors and the results are."""
    parser.add_argument("--params", type=Path, default=Path("params.yaml"), metavar="FILE")
    parser.add_argument("--baseline", metavar="COMMIT", help="where the floors are read")
    parser.add_argument(
        "--results", type=Path, default=Path(), metavar="FOLDER", help="where reports/ lies"
    )


def run(options: argparse.Namespace) -> Outcome:
    """One line for each thing that must hold."""
    checks = run_gate(base_settings(options.baseline, options.params), options.results)
    lines = [
        f"{'ok  ' if one.holds else 'FAIL'}  {one.name:<24} {one.found:>10}  wanted {one.wanted}"
        for one in checks
    ]
    status = 0 if all(one.holds for one in checks) else 1
    return Outcome("\n".join(lines), [dataclasses.asdict(one) for one in checks], status)
