"""The rate of `twinview embed` as a share of the slower of its parts: decoding and the encoder.

The encoder of models/ is measured on pictures in memory, in the batches that the command takes.
Decoding is that of a bare pool of Pillow workers (benchmarks/decode.py). The command's rate is that
of the files beyond a first part, so that its start does not count. It needs the project's models.
"""

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from benchmarks import decode, picture_files
from benchmarks.common import TIMEOUT_S, show, spread
from twinview.core.folder_walk import Stamp
from twinview.models.predictor import Predictor

MODELS = Path("models")


def measure(count: int = 6000, rounds: int = 3) -> dict[str, Any]:
    """The share and the three rates, each as median, low and high of the rounds."""
    embedder = Predictor.load(MODELS).embedder
    shape, rates = embedder.shape, dict[str, list[float]](embed=[], decode=[], encoder=[])
    pictures = torch.randint(0, 256, (2048, *shape), dtype=torch.uint8)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "pictures"
        files = picture_files.write(folder, count)
        first = dict(islice(files.items(), count // 6))
        command = partial(_embed, Path(name))
        for _ in range(rounds):
            rates["embed"].append(decode.rate(command, folder, first, files))
            rates["decode"].append(decode.rate(decode.bare(shape), folder, first, files))
            start = time.perf_counter()
            embedder.features(pictures)
            rates["encoder"].append(len(pictures) / (time.perf_counter() - start))
    bounds = [min(pair) for pair in zip(rates["decode"], rates["encoder"], strict=True)]
    shares = [ours / bound for ours, bound in zip(rates["embed"], bounds, strict=True)]
    seconds = {f"embed.{key}_pictures_per_second": spread(found) for key, found in rates.items()}
    return {"embed.share_of_bound": spread(shares)} | seconds


def _embed(scratch: Path, folder: Path, files: Mapping[str, Stamp]) -> None:
    """Runs the command on a folder of links to the files."""
    links = scratch / "links"
    shutil.rmtree(links, ignore_errors=True)
    links.mkdir()
    for path in files:
        (links / path).hardlink_to(folder / path)
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "twinview.cli",
        "embed",
        links,
        "--models",
        MODELS,
    ]
    out: list[str | Path] = ["--out", scratch / "features.parquet"]
    subprocess.run([*command, *out], check=True, stdout=subprocess.DEVNULL, timeout=TIMEOUT_S)


if __name__ == "__main__":
    show(measure())
