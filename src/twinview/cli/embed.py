"""Embeds the pictures of a folder into a Parquet file: columns path and features.

PNG, JPEG, WebP, BMP and GIF files of any size up to 178 million pixels, in all folders below;
linked ones are entered once. Each is turned as its EXIF data say, transparency laid on black,
colours made grey where the encoder takes grey ones, scaled (bicubic) until the shorter side fits,
and the middle cut out. Of 16 bits a channel the high 8 count, of an animation the first picture.
How many were changed so is said, and how many other files there are, by reason. Where one is
broken, none is embedded, unless --skip-broken leaves it out.

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
    said = "leave broken pictures out, and name them"
    parser.add_argument("--skip-broken", action="store_true", help=said)
    arguments.models(parser)


def run(options: argparse.Namespace) -> Outcome:
    """Raises DataError that names every broken picture; then nothing is written."""
    from twinview.serving import folders  # loads torch
    from twinview.stages import stage  # loads torch

    folders.require_suffix(options.out)
    made = arguments.embedder(options)
    skip = options.skip_broken
    checked = folders.check(options.folder, made.shape, stage.progress, skip_broken=skip)
    features = folders.embed(made, options.folder, checked.names, stage.progress)
    named = folders.made_by(options.models, made)
    folders.save(options.out, checked.names, features, named)
    count, width = features.shape
    said = f"twinview: {options.out} holds {width} features of {count:,} pictures"
    found = {"file": str(options.out), "features": width} | checked.as_json()
    return Outcome(f"{said}\n{checked.as_text()}".rstrip(), found)
