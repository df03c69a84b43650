"""Embeds the pictures of a folder: writes a table with the columns path, features and distance.

The table is Parquet, CSV or NPZ, by the suffix of --out. Reads PNG, JPEG, WebP, BMP, GIF, TIFF, PPM
and AVIF files of up to 178 million pixels, in the folder and all folders below it; linked folders
are entered once. HEIC needs pip install 'twinview[heic]'. Each picture is fitted to the encoder: it
is turned as its EXIF data say, laid on the background of the encoder's training (black, unless it
was set) where it is transparent, made grey if the encoder takes grey pictures, scaled (bicubic)
until the shorter side fits, and cropped to its centre. Of more than 8 bits per channel, the highest
8 are used, and of several pictures in a file, the first.

Each file is read once. Files that are left out, broken pictures among them, are in a second table
beside the first (pictures.left_out.csv beside pictures.parquet), with reasons. They do not stop the
work, and the status is 0 nevertheless; with --strict it is 1.

A distance is 1 minus the cosine of a picture's features and those of the nearest training example.
The command says how many pictures are further away than 99 % of the validation examples are.

    $ twinview embed pictures --out pictures.parquet
"""

import argparse
import os
from pathlib import Path

from twinview.cli import arguments
from twinview.cli.outcome import Outcome
from twinview.core.counts import counted
from twinview.core.errors import ConfigError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the folder, the file to write, and the models."""
    parser.add_argument("folder", type=Path, help="the folder of pictures")
    about = "the file to write: .parquet, .csv or .npz"
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help=about)
    about = "exit with status 1 if any file was left out; the table is written nevertheless"
    parser.add_argument("--strict", action="store_true", help=about)
    about = "how many processes decode pictures; default: one for each processor"
    parser.add_argument("--workers", type=int, default=_processors(), help=about)
    arguments.models(parser)


def run(options: argparse.Namespace) -> Outcome:
    """Writes the two tables. The status is 1 if --strict was given and a file was left out."""
    from twinview.serving import feature_tables, folders  # loads torch
    from twinview.stages import stage  # loads torch

    feature_tables.require_suffix(options.out)
    arguments.require_place("--out", options.out)
    if options.workers < 1:
        raise ConfigError.at("--workers", f"is {options.workers}", "set it to 1 or more")
    embedder = arguments.load_embedder(options)
    key = folders.encoder_key(options.models, embedder)
    summary = folders.embed(
        embedder, options.folder, options.out, key, options.workers, stage.progress
    )
    others = folders.left_out_path(options.out)
    text = (
        f"twinview: {options.out} holds {embedder.dim} features of "
        f"{counted(summary.pictures, 'picture')}\n"
        f"{summary.as_text()}"
    ).rstrip()
    text += f"\n{others} names all files that are left out" * bool(summary.left_out)
    data = {"file": str(options.out), "left_out_file": str(others), "features": embedder.dim}
    status = int(options.strict and bool(summary.left_out))
    return Outcome(text, data | summary.as_json(), status)


def _processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
