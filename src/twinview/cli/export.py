"""Writes the encoder as an ONNX file or a .pt2 file of torch.export, for batches of any size.

Both files take pictures, uint8 (n, c, h, w), and give the features as they were evaluated, averaged
over mirror images if embed.mirror says so. Each file is loaded again and its features are compared
with the encoder's before it is kept. ONNX needs pip install 'twinview[onnx]'.

    $ twinview export --onnx encoder.onnx
"""

import argparse
from pathlib import Path

from twinview.cli import arguments
from twinview.cli.outcome import Outcome
from twinview.core.errors import ConfigError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the files to write, and the models."""
    parser.add_argument("--onnx", type=Path, metavar="FILE", help="the ONNX file to write")
    parser.add_argument("--pt2", type=Path, metavar="FILE", help="the .pt2 file to write")
    arguments.models(parser)


def run(options: argparse.Namespace) -> Outcome:
    """Writes the files; returns the largest difference of each to the encoder."""
    from twinview.serving import export  # loads torch

    formats = {"onnx": (options.onnx, export.onnx), "pt2": (options.pt2, export.pt2)}
    if not (options.onnx or options.pt2):
        raise ConfigError("nothing to export; name a file by --onnx, --pt2 or both")
    for name, (path, _) in formats.items():
        arguments.require_place(f"--{name}", path)
    embedder = arguments.load_embedder(options)
    written = {
        name: {"file": str(path), "largest_difference": write(path, embedder)}
        for name, (path, write) in formats.items()
        if path
    }
    lines = [
        f"twinview: {export['file']} is written; its features differ from the encoder's by at most "
        f"{export['largest_difference']:.1e}"
        for export in written.values()
    ]
    return Outcome("\n".join(lines), written)
