"""Names the train pictures that are most alike to a picture, or those of an embedded folder.

The picture may be of any size; `twinview embed --help` says how it is fitted. Similarity is the
cosine of the features. --html writes a page that shows the train pictures.

    $ twinview neighbours picture.png
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from twinview.cli import arguments
from twinview.cli.outcome import Outcome
from twinview.errors import ConfigError, DataError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Whose neighbours, how many, and among which."""
    parser.add_argument("image", type=Path)
    parser.add_argument("--among", type=Path, metavar="FILE", help="what `twinview embed` wrote")
    parser.add_argument("--count", type=int, default=8)
    arguments.models(parser)


def run(options: argparse.Namespace) -> Outcome:
    """A line a neighbour, nearest first: its id, its label where it has one, the similarity."""
    from twinview import embedded  # loads torch
    from twinview.neighbours import nearest

    if options.count < 1:
        raise ConfigError(f"--count: is {options.count}; it must be 1 or more")
    made = arguments.embedder(options)
    picture = _picture(options.image, made.shape)
    if options.among:
        ids, bank = embedded.load(options.among, embedded.made_by(options.models, made))
        rows: list[dict[str, Any]] = [{"id": name} for name in ids]
    else:
        rows, bank = _trained_on(made)
    cosines, places = nearest(made.features(picture[None]), bank, options.count)
    found = [
        rows[place] | {"similarity": round(cosine, 4)}
        for cosine, place in zip(cosines[0].tolist(), places[0].tolist(), strict=True)
    ]
    lines = [f"{r['similarity']:.4f}  {r['id']}  {r.get('label', '')}".rstrip() for r in found]
    return Outcome("\n".join(lines), found)


def _picture(path: Path, shape: tuple[int, ...]) -> Any:
    """Its pixels; what Pillow warns of goes to standard error. Raises DataError with its name."""
    from twinview import picture_files

    try:
        found = picture_files.from_path(path, shape)
    except DataError as error:
        raise DataError(f"{path} {error}") from None
    for warning in found.warnings:
        print(f"twinview: {path}: {warning}", file=sys.stderr)
    return found.pixels


def _trained_on(made: Any) -> tuple[list[dict[str, Any]], Any]:
    """Ids, and labels where there are some, of the train pictures, and their features.

    Raises DataError when those are another encoder's: the first picture is embedded again.
    """
    import torch

    from twinview import artifacts, embeddings, paths, splits

    train, classes = embeddings.load(paths.EMBEDDINGS)["train"], splits.load_classes(paths.PREPARED)
    inputs = artifacts.load_tensors(paths.PREPARED / "train.safetensors")["inputs"]
    again, first = made.features(inputs[:1]), train.features[:1]
    if again.shape != first.shape or not torch.allclose(again, first, rtol=1e-3, atol=1e-3):
        raise DataError(f"{paths.EMBEDDINGS} is of another encoder; `dvc repro` embeds anew")
    rows: list[dict[str, Any]] = [{"id": name} for name in train.ids.tolist()]
    if train.labels is not None:
        for row, label in zip(rows, train.labels.tolist(), strict=True):
            row["label"] = classes[label]
    return rows, train.features
