"""Writes the JSON schema of params.yaml, by which editors complete it.

The file is params.schema.json; the project keeps it, and a new plug-in changes it.

    $ twinview generate
"""

import argparse
from pathlib import Path

from twinview.cli.outcome import Outcome
from twinview.core import files
from twinview.settings import params

FILE = Path("params.schema.json")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """None."""


def run(options: argparse.Namespace) -> Outcome:
    """Writes params.schema.json."""
    files.save_json(FILE, params.json_schema())
    return Outcome(f"twinview: {FILE} is written", {"file": str(FILE)})
