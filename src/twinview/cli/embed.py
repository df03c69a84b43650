"""Embeds the pictures of a folder into a Parquet file: columns path and features.

PNG and JPEG files of any size, in all folders below. Each is turned as its EXIF data say,
transparency laid on black, colours made grey where the encoder takes grey ones, scaled (bicubic)
until the shorter side fits, and the middle cut out. Where one is broken, none is embedded.

    $ twinview embed pictures --out pictures.parquet
"""

import argparse
from pathlib import Path

from twinview.cli import arguments
from twinview.cli.outcome import Outcome


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What is embedded, by what, and where to."""
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="a .parquet file")
    arguments.models(parser)


def run(options: argparse.Namespace) -> Outcome:
    """Raises DataError that names every broken picture; then nothing is written."""
    from twinview import embedded, predictor, stage  # loads torch

    made = predictor.load(options.models)
    names, features = embedded.embed(made, options.folder, stage.progress)
    embedded.save(options.out, names, features, embedded.made_by(options.models, made))
    count, width = features.shape
    found = {"file": str(options.out), "pictures": count, "features": width}
    return Outcome(f"twinview: {options.out} holds {width} features of {count:,} pictures", found)
