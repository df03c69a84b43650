"""Writes the project's files that follow from its code: params.schema.json and dvc.yaml.

By the first editors complete params.yaml; the second is made of what the scripts of pipeline/
declare and import. The project keeps both, and a new plug-in or import may change them.

    $ twinview generate
"""

import argparse
from pathlib import Path

from twinview.cli.outcome import Outcome
from twinview.core import files
from twinview.settings import params
from twinview.stages import dvc_yaml

SCHEMA = Path("params.schema.json")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """None."""


def run(options: argparse.Namespace) -> Outcome:
    """Writes both, or raises ConfigError for a stage that is wrongly declared and writes none."""
    pipeline, schema = dvc_yaml.generate(), params.json_schema()
    files.save_json(SCHEMA, schema)
    with files.atomic_file(dvc_yaml.FILE) as temporary:
        temporary.write_text(pipeline, encoding="utf-8")
    written = [str(SCHEMA), str(dvc_yaml.FILE)]
    return Outcome(f"twinview: {' and '.join(written)} are written", {"files": written})
