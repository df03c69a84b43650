"""Embeds the pictures of a folder into a Parquet file with the columns path and features.

Reads PNG, JPEG, WebP, BMP and GIF files of up to 178 million pixels, in the folder and all folders
below it; linked folders are entered once. Each picture is fitted to the encoder: turned as its EXIF
data say, laid on black where it is transparent, made grey if the encoder takes grey pictures,
scaled (bicubic) until the shorter side fits, and cut to its middle. Of 16 bits a channel the high 8
count, and of an animation the first picture.

The command says how many pictures were changed, and how many other files there are and why they
were left out. If a picture is broken, nothing is written, unless --skip-broken leaves it out.

    $ twinview embed pictures --out pictures.parquet
"""

import argparse
from pathlib import Path

from twinview.cli import arguments
from twinview.cli.outcome import Outcome


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What is embedded, by what, and where to."""
    parser.add_argument("folder", type=Path, help="the folder of pictures")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="the .parquet file to write"
    )
    about = "leave out broken pictures, and name them"
    parser.add_argument("--skip-broken", action="store_true", help=about)
    arguments.models(parser)


def run(options: argparse.Namespace) -> Outcome:
    """Raises DataError that names every broken picture; then nothing is written."""
    from twinview.serving import folders  # loads torch
    from twinview.stages import stage  # loads torch

    folders.require_suffix(options.out)
    made = arguments.load_embedder(options)
    skip = options.skip_broken
    checked = folders.check_pictures(options.folder, made.shape, stage.progress, skip_broken=skip)
    features = folders.embed(made, options.folder, checked.names, stage.progress)
    named = folders.encoder_key(options.models, made)
    folders.save(options.out, checked.names, features, named)
    count, width = features.shape
    said = f"twinview: {options.out} holds {width} features of {count:,} pictures"
    found = {"file": str(options.out), "features": width} | checked.as_json()
    return Outcome(f"{said}\n{checked.as_text()}".rstrip(), found)
