"""Finds the most similar pictures to a picture, among the train split or an embedded folder.

The picture may have any size; `twinview embed --help` says how it is fitted. Similarity is the
cosine of the features. An id is the place of a picture in its source; --html shows the pictures.

    $ twinview neighbours picture.png --html neighbours.html
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from twinview.cli import arguments
from twinview.cli.outcome import Outcome
from twinview.core.errors import ConfigError, DataError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Whose neighbours, how many, and among which."""
    parser.add_argument("image", type=Path, help="the picture file")
    parser.add_argument(
        "--among", type=Path, metavar="FILE", help="search in this file of `twinview embed`"
    )
    parser.add_argument("--count", type=int, default=8, help="how many; default: 8")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a page that shows them")
    arguments.models(parser)


def run(options: argparse.Namespace) -> Outcome:
    """A line a neighbour, nearest first: its id, its label where it has one, the similarity."""
    from twinview.evaluation.nearest import nearest  # loads torch

    if options.count < 1:
        raise ConfigError(f"--count: is {options.count}; it must be 1 or more")
    if options.html and options.among:
        raise ConfigError("--html: shows train pictures; those of --among are files to open")
    made = arguments.load_embedder(options)
    picture = _picture(options.image, made.shape)
    rows, bank = _among(options, made) if options.among else _trained_on(made)
    cosines, places = nearest(made.features(picture[None]), bank, options.count)
    found = [
        rows[place] | {"similarity": round(cosine, 4)}
        for cosine, place in zip(cosines[0].tolist(), places[0].tolist(), strict=True)
    ]
    lines = [f"{r['similarity']:.4f}  {r['id']}  {r.get('label', '')}".rstrip() for r in found]
    if options.html:
        _write_page(options, picture, found, places[0])
        lines.append(f"twinview: {options.html} shows them")
    return Outcome("\n".join(lines), found)


def _picture(path: Path, shape: tuple[int, ...]) -> Any:
    """Its pixels; what Pillow warns of goes to standard error. Raises DataError with its name."""
    from twinview.pictures import files as picture_files

    try:
        found = picture_files.read_picture(path, shape)
    except DataError as error:
        raise DataError(f"{path} {error}") from None
    for warning in found.warnings:
        print(f"twinview: {path}: {warning}", file=sys.stderr)
    return found.pixels


def _among(options: argparse.Namespace, made: Any) -> tuple[list[dict[str, Any]], Any]:
    """Names and features of a table of `twinview embed`."""
    from twinview.serving import folders

    names, bank = folders.load(options.among, folders.encoder_key(options.models, made))
    return [{"id": name} for name in names], bank


def _trained_on(made: Any) -> tuple[list[dict[str, Any]], Any]:
    """Ids, and labels where there are some, of the train pictures, and their features.

    Raises DataError when those are another encoder's: the first picture is embedded again.
    """
    import torch

    from twinview.core import paths
    from twinview.data import splits
    from twinview.models import embeddings

    if not paths.EMBEDDINGS.is_dir():
        raise DataError(
            f"{paths.EMBEDDINGS} is missing; in a project's folder `dvc repro` makes it, and "
            "--among names pictures that `twinview embed` embedded"
        )
    train, classes = embeddings.load(paths.EMBEDDINGS)["train"], splits.load_classes(paths.PREPARED)
    again, first = made.features(_inputs()[:1]), train.features[:1]
    if again.shape != first.shape or not torch.allclose(again, first, rtol=1e-3, atol=1e-3):
        raise DataError(f"{paths.EMBEDDINGS} is of another encoder; `dvc repro` embeds anew")
    rows: list[dict[str, Any]] = [{"id": name} for name in train.ids.tolist()]
    if train.labels is not None:
        for row, label in zip(rows, train.labels.tolist(), strict=True):
            row["label"] = classes[label]
    return rows, train.features


def _inputs() -> Any:
    """The train pictures."""
    from twinview.core import paths
    from twinview.core.tensor_files import load_tensors

    return load_tensors(paths.PREPARED / "train.safetensors")["inputs"]


def _write_page(
    options: argparse.Namespace, picture: Any, found: list[dict[str, Any]], places: Any
) -> None:
    from twinview.core import files
    from twinview.reporting.neighbours_page import neighbours_page

    page = neighbours_page(options.image.name, picture, found, _inputs()[places])
    with files.atomic_file(options.html) as temporary:
        temporary.write_text(page, encoding="utf-8")
