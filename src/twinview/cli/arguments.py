"""Arguments that several commands have."""

import argparse
from pathlib import Path


def params(parser: argparse.ArgumentParser) -> None:
    """--params: the file of settings."""
    parser.add_argument("--params", type=Path, default=Path("params.yaml"), metavar="FILE")


def baseline(parser: argparse.ArgumentParser) -> None:
    """--baseline: the commit that a change is held against."""
    parser.add_argument(
        "--baseline", metavar="COMMIT", help="its thresholds count; compare with its results"
    )


def models(parser: argparse.ArgumentParser) -> None:
    """--models: the folder of encoder and probe."""
    said = "where encoder/ and probe/ lie"
    parser.add_argument("--models", type=Path, default=Path("models"), metavar="FOLDER", help=said)
