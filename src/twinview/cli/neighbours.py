"""Finds the pictures that are most similar to a picture, in the train split or a folder.

The picture may have any size; `twinview embed --help` says how it is fitted. Similarity is the
cosine of the features. A line has the similarity, the picture's file where it is known (else its
number in its source), and its label if it has one. --html writes a page that shows the pictures,
and beside them the neighbours that raw pixels have in the train split.

    $ twinview neighbours picture.png --html neighbours.html
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from twinview.cli import arguments
from twinview.cli.outcome import Outcome
from twinview.core.counts import counted
from twinview.core.errors import ConfigError, DataError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the picture, the number of neighbours, and where to search."""
    parser.add_argument("image", type=Path, help="the picture file")
    parser.add_argument(
        "--among", type=Path, metavar="FILE", help="search in this .parquet of `twinview embed`"
    )
    parser.add_argument("--count", type=int, default=8, help="how many; default: 8")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a page that shows them")
    arguments.models(parser)


def run(options: argparse.Namespace) -> Outcome:
    """One line for each neighbour, nearest first: the similarity, the file or id, the label."""
    from twinview.evaluation.nearest import nearest  # loads torch
    from twinview.serving import neighbours

    if options.count < 1:
        raise ConfigError.at("--count", f"is {options.count}", "set it to 1 or more")
    arguments.require_place("--html", options.html)
    embedder = arguments.load_embedder(options)
    query, searched = _read(options.image, embedder), _searched(options, embedder)
    features = embedder.features(query[None])
    found = nearest(features, searched.features, options.count)
    rows = neighbours.rows(searched, found)
    lines = [
        f"{row['similarity']:.4f}  {row.get('origin', row['id'])}  {row.get('label', '')}".rstrip()
        for row in rows
    ]
    if len(rows) < options.count:
        lines.append(f"twinview: no more than {counted(len(rows), 'picture')} can be searched")
    reference = embedder.reference
    if reference is not None and float(reference.distances(features)) > reference.limit:
        lines.append(
            f"twinview: {options.image} is further from the training data than 99 % of validation "
            "examples; features of such pictures say little"
        )
    if options.html:
        _write_page(options, query, searched, found)
        lines.append(f"twinview: {options.html} shows them")
    return Outcome("\n".join(lines), rows)


def _searched(options: argparse.Namespace, embedder: Any) -> Any:
    """The pictures to search in."""
    from twinview.serving import folders, neighbours

    if not options.among:
        return neighbours.TrainSplit(embedder)
    key = folders.encoder_key(options.models, embedder)
    return neighbours.EmbeddedFolder(options.among, key, embedder)


def _read(path: Path, embedder: Any) -> Any:
    """The picture's pixels. Pillow's warnings go to standard error. Raises DataError."""
    from twinview.pictures import files as picture_files

    try:
        picture = picture_files.read_picture(
            path, embedder.shape, embedder.encoder.description.reading
        )
    except DataError as error:
        raise DataError(f"{path} {error}") from None
    for warning in picture.warnings:
        print(f"twinview: {path}: {warning}", file=sys.stderr)
    return picture.pixels


def _write_page(options: argparse.Namespace, query: Any, searched: Any, found: Any) -> None:
    from twinview.core import files
    from twinview.reporting.neighbours_page import neighbours_page
    from twinview.serving import neighbours

    by_pixels = searched.nearest_by_pixels(query, options.count)
    lists = {"By the encoder's features": found}
    lists |= {} if by_pixels is None else {"By raw pixels": by_pixels}
    sections = {
        title: neighbours.with_pictures(searched, cosines_and_places)
        for title, cosines_and_places in lists.items()
    }
    page = neighbours_page(options.image.name, query, sections)
    with files.atomic_file(options.html) as temporary:
        temporary.write_text(page, encoding="utf-8")
