"""Writes the encoder as an ONNX file or a .pt2 file of torch.export, for batches of any size.

Both files take pictures, uint8 (n, c, h, w), and give the features as they were evaluated, averaged
over mirror images if embed.mirror says so. Each file is read again and its answers are compared
with the encoder's before it is kept. ONNX needs pip install 'twinview[onnx]'.

    $ twinview export --onnx encoder.onnx
"""

import argparse
from pathlib import Path

from twinview.cli import arguments
from twinview.cli.outcome import Outcome
from twinview.core.errors import ConfigError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The files, and the models."""
    parser.add_argument("--onnx", type=Path, metavar="FILE", help="the ONNX file to write")
    parser.add_argument("--pt2", type=Path, metavar="FILE", help="the .pt2 file to write")
    arguments.models(parser)


def run(options: argparse.Namespace) -> Outcome:
    """One line a file: the largest difference to the encoder."""
    from twinview.serving import export  # loads torch

    wanted = {"onnx": (options.onnx, export.onnx), "pt2": (options.pt2, export.pt2)}
    if not (options.onnx or options.pt2):
        raise ConfigError("nothing to export; name a file by --onnx, --pt2 or both")
    made = arguments.load_embedder(options)
    found = {
        kind: {"file": str(path), "largest_difference": write(path, made)}
        for kind, (path, write) in wanted.items()
        if path
    }
    lines = [
        f"twinview: {of['file']} is written; its features differ from the encoder's by at most "
        f"{of['largest_difference']:.1e}"
        for of in found.values()
    ]
    return Outcome("\n".join(lines), found)
