"""Arguments that several commands have."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from twinview.core import files
from twinview.core.errors import ConfigError, DataError

if TYPE_CHECKING:
    from twinview.models.embedder import Embedder


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


def require_place(option: str, path: Path | None) -> None:
    """Raises ConfigError where no file can be written at the path, before work is done for it."""
    if path is None:
        return
    if path.is_dir():
        raise ConfigError.at(option, f"is {path}, which is a folder", "name a file in it")
    above = next(parent for parent in path.parents if parent.exists())
    if not above.is_dir():
        raise ConfigError.at(
            option, f"is {path}, but {above} is a file and no folder", "name another folder"
        )


def load_embedder(options: argparse.Namespace) -> "Embedder":
    """The embedder in --models, as stage embed wrote it.

    Where that stage has not run, as for an encoder of twinview.train, there is no folder embedder,
    and embed.mirror says whether features are mirrored. Raises DataError for an encoder of others,
    since the commands that call this function take pictures.
    """
    from twinview.models import encoder  # loads torch
    from twinview.models.embedder import Embedder  # loads torch
    from twinview.settings import params  # loads torch

    described = files.load_json(options.models / "encoder" / encoder.DESCRIPTION)
    if described["modality"] != "image":
        raise DataError.at(
            options.models / "encoder",
            f"is an encoder of the modality {described['modality']}; this command takes pictures",
            "use twinview.Predictor, or the served model: docs/own-texts.md, docs/own-series.md",
        )
    if (options.models / "embedder").is_dir():
        return Embedder.load(options.models)
    loaded, settings = encoder.load(options.models / "encoder"), params.load().embed
    if settings.components is not None:
        raise DataError.at(
            options.models / "embedder",
            f"is missing, and embed.components is {settings.components}",
            "`dvc repro embed` fits the PCA",
        )
    return Embedder(loaded, settings.mirror)
