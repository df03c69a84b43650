"""Writes the files that are generated from the code: params.schema.json and dvc.yaml.

Editors use the schema to complete params.yaml. dvc.yaml follows from what the scripts of pipeline/
declare and import. Both are kept in git; run this command after adding a plug-in or an import.

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
    """Adds none."""


def run(options: argparse.Namespace) -> Outcome:
    """Writes both files. Raises ConfigError for a wrongly declared stage; writes none then."""
    pipeline, schema = dvc_yaml.generate(), params.json_schema()
    files.save_json(SCHEMA, schema)
    with files.atomic_file(dvc_yaml.FILE) as temporary:
        temporary.write_text(pipeline, encoding="utf-8")
    written = [str(SCHEMA), str(dvc_yaml.FILE)]
    return Outcome(f"twinview: {' and '.join(written)} are written", {"files": written})
