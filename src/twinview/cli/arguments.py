"""Arguments that several commands have."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from twinview.models.predictor import Embedder


def params(parser: argparse.ArgumentParser) -> None:
    """Adds --params, the file of settings."""
    about = "the file of settings; default: params.yaml"
    parser.add_argument(
        "--params", type=Path, default=Path("params.yaml"), metavar="FILE", help=about
    )


def baseline(parser: argparse.ArgumentParser) -> None:
    """Adds --baseline, the commit that a change is compared with."""
    parser.add_argument(
        "--baseline",
        metavar="COMMIT",
        help="take the limits from this commit, and compare with its results",
    )


def models(parser: argparse.ArgumentParser) -> None:
    """Adds --models, the folder of encoder and probe."""
    about = "the folder that contains encoder/ and, after the evaluation, probe/; default: models"
    parser.add_argument("--models", type=Path, default=Path("models"), metavar="FOLDER", help=about)


def load_embedder(options: argparse.Namespace) -> "Embedder":
    """The embedder of the encoder in --models.

    The folder of the probe says whether features are mirrored, also where the data had no labels.
    Where the evaluation has not run, there is no such folder, and embed.mirror says it.
    """
    from twinview.models import encoder  # loads torch
    from twinview.models.predictor import Embedder, Predictor  # loads torch
    from twinview.settings import params  # loads torch

    if (options.models / "probe").is_dir():
        return Predictor.load(options.models).embedder
    loaded = encoder.load(options.models / "encoder")
    return Embedder(loaded, params.load().embed.mirror)
