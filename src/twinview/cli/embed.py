"""Embeds the pictures of a folder into a Parquet file with the columns path and features.

Reads PNG, JPEG, WebP, BMP, GIF, TIFF, PPM and AVIF files of up to 178 million pixels, in the folder
and all folders below it; linked folders are entered once. HEIC needs pip install 'twinview[heic]'.
Each picture is fitted to the encoder: it is turned as its EXIF data say, laid on black where it is
transparent, made grey if the encoder takes grey pictures, scaled (bicubic) until the shorter side
fits, and cropped to its centre. Of more than 8 bits per channel, the highest 8 are used, and of
several pictures in a file, the first.

The command says how many pictures were changed, and how many other files there are and why they
were left out. If a picture is broken, nothing is written, unless --skip-broken leaves it out.

    $ twinview embed pictures --out pictures.parquet
"""

import argparse
from pathlib import Path

from twinview.cli import arguments
from twinview.cli.outcome import Outcome


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the folder, the file to write, and the models."""
    parser.add_argument("folder", type=Path, help="the folder of pictures")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="the .parquet file to write"
    )
    about = "leave out broken pictures, and name them"
    parser.add_argument("--skip-broken", action="store_true", help=about)
    arguments.models(parser)


def run(options: argparse.Namespace) -> Outcome:
    """Writes the features. Raises DataError that names every broken picture; writes none then."""
    from twinview.serving import folders  # loads torch
    from twinview.stages import stage  # loads torch

    folders.require_suffix(options.out)
    embedder = arguments.load_embedder(options)
    checked = folders.check_pictures(
        options.folder, embedder.shape, stage.progress, skip_broken=options.skip_broken
    )
    features = folders.embed(embedder, options.folder, checked.names, stage.progress)
    encoder_key = folders.encoder_key(options.models, embedder)
    folders.save(options.out, checked.names, features, encoder_key)
    count, width = features.shape
    text = f"twinview: {options.out} holds {width} features of {count:,} pictures"
    data = {"file": str(options.out), "features": width} | checked.as_json()
    return Outcome(f"{text}\n{checked.as_text()}".rstrip(), data)
