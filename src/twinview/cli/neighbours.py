"""Finds the pictures that are most similar to a picture, in the train split or a folder.

The picture may have any size; `twinview embed --help` says how it is fitted. Similarity is the
cosine of the features. An id is the number of a picture in its source; --html shows the pictures.

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
    """Adds the picture, the number of neighbours, and where to search."""
    parser.add_argument("image", type=Path, help="the picture file")
    parser.add_argument(
        "--among", type=Path, metavar="FILE", help="search in this file of `twinview embed`"
    )
    parser.add_argument("--count", type=int, default=8, help="how many; default: 8")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a page that shows them")
    arguments.models(parser)


def run(options: argparse.Namespace) -> Outcome:
    """One line for each neighbour, nearest first: the similarity, the id, the label if any."""
    from twinview.evaluation.nearest import nearest  # loads torch

    if options.count < 1:
        raise ConfigError.at("--count", f"is {options.count}", "set it to 1 or more")
    if options.html and options.among:
        raise ConfigError.at(
            "--html", "shows train pictures only, and --among names others", "leave one out"
        )
    embedder = arguments.load_embedder(options)
    picture = _read(options.image, embedder.shape)
    rows, bank = _embedded_folder(options, embedder) if options.among else _train_split(embedder)
    cosines, indices = nearest(embedder.features(picture[None]), bank, options.count)
    neighbours = [
        rows[index] | {"similarity": round(cosine, 4)}
        for cosine, index in zip(cosines[0].tolist(), indices[0].tolist(), strict=True)
    ]
    lines = [f"{r['similarity']:.4f}  {r['id']}  {r.get('label', '')}".rstrip() for r in neighbours]
    if options.html:
        _write_page(options, picture, neighbours, indices[0])
        lines.append(f"twinview: {options.html} shows them")
    return Outcome("\n".join(lines), neighbours)


def _read(path: Path, shape: tuple[int, ...]) -> Any:
    """The picture's pixels. Pillow's warnings go to standard error. Raises DataError."""
    from twinview.pictures import files as picture_files

    try:
        picture = picture_files.read_picture(path, shape)
    except DataError as error:
        raise DataError(f"{path} {error}") from None
    for warning in picture.warnings:
        print(f"twinview: {path}: {warning}", file=sys.stderr)
    return picture.pixels


def _embedded_folder(
    options: argparse.Namespace, embedder: Any
) -> tuple[list[dict[str, Any]], Any]:
    """The ids and features of a table of `twinview embed`."""
    from twinview.serving import folders

    names, bank = folders.load(options.among, folders.encoder_key(options.models, embedder))
    return [{"id": name} for name in names], bank


def _train_split(embedder: Any) -> tuple[list[dict[str, Any]], Any]:
    """The ids, the labels if there are any, and the features of the train pictures.

    The first picture is embedded again, to compare. Raises DataError when the stored features are
    another encoder's.
    """
    import torch

    from twinview.core import paths
    from twinview.core.types import NO_LABEL
    from twinview.data import splits
    from twinview.models import embeddings

    if not paths.EMBEDDINGS.is_dir():
        raise DataError.at(
            paths.EMBEDDINGS,
            "is missing",
            "in a project's folder `dvc repro` makes it, and --among names pictures that "
            "`twinview embed` embedded",
        )
    train, classes = embeddings.load(paths.EMBEDDINGS)["train"], splits.load_classes(paths.PREPARED)
    again, stored = embedder.features(_train_pictures()[:1]), train.features[:1]
    if again.shape != stored.shape or not torch.allclose(again, stored, rtol=1e-3, atol=1e-3):
        raise DataError.at(paths.EMBEDDINGS, "is of another encoder", "`dvc repro` embeds again")
    rows: list[dict[str, Any]] = [{"id": row_id} for row_id in train.ids.tolist()]
    if train.labels is not None:
        for row, label in zip(rows, train.labels.tolist(), strict=True):
            if label != NO_LABEL:
                row["label"] = classes[label]
    return rows, train.features


def _train_pictures() -> Any:
    from twinview.core import paths
    from twinview.core.tensor_files import load_tensors

    return load_tensors(paths.PREPARED / "train.safetensors")["inputs"]


def _write_page(
    options: argparse.Namespace, picture: Any, neighbours: list[dict[str, Any]], indices: Any
) -> None:
    from twinview.core import files
    from twinview.reporting.neighbours_page import neighbours_page

    page = neighbours_page(options.image.name, picture, neighbours, _train_pictures()[indices])
    with files.atomic_file(options.html) as temporary:
        temporary.write_text(page, encoding="utf-8")
