"""The features of a folder's pictures: each file is read once, and what cannot be read is named."""

import contextlib
import csv
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from twinview.core import files
from twinview.core.counts import counted, describe_counts
from twinview.core.errors import DataError
from twinview.models.embedder import Embedder
from twinview.models.reference import Reference
from twinview.pictures import files as picture_files
from twinview.pictures import folders
from twinview.pictures.decoding import Block, count_blocks, decode_files
from twinview.pictures.files import LeftOut
from twinview.pictures.folders import Listing, escape_name
from twinview.serving import feature_tables

_BATCH = 256  # pictures that are embedded at once; sums round by it
_MOST_NAMED = 10  # the number of pictures that a message names at most

Progress = Callable[[Iterable[Block], int, str], Iterator[Block]]


@dataclass
class Summary:
    """What is said of an embedded folder.

    pictures: how many were embedded. changes: how many of them are changed by fitting, by kind
    (picture_files.CHANGES). left_out: the number of other files, by reason. broken, warnings:
    sentences about the first few pictures that could not be read, or that Pillow warned of;
    warned: how many warnings there are. far: how many pictures are further from the training data
    than 99 % of validation, or None where nothing says how far validation is.
    """

    pictures: int = 0
    changes: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    warned: int = 0
    far: int | None = None

    def add(self, block: Block) -> None:
        """Counts the outcomes of a block, and keeps the first few sentences."""
        for name, outcome in zip(map(escape_name, block.names), block.outcomes, strict=True):
            if isinstance(outcome, LeftOut):
                self.left_out[outcome.reason] += 1
                self._keep(self.broken, f"{name} {outcome.detail}")
                continue
            self.pictures += 1
            self.changes.update(outcome.changes)
            self.warned += len(outcome.warnings)
            for warning in outcome.warnings:
                self._keep(self.warnings, f"{name}: {warning}")

    def count_far(self, distances: Tensor | None, reference: Reference | None) -> None:
        """Counts the distances that are beyond the reference's limit."""
        if distances is not None and reference is not None:
            self.far = (self.far or 0) + int((distances > reference.limit).sum())

    def as_json(self) -> dict[str, Any]:
        """The counts and messages for a program."""
        changes = {name: self.changes[name] for name in picture_files.CHANGES}
        messages = {"broken": self.broken, "warnings": self.warnings}
        counts = {"left_out": dict(self.left_out), "far": self.far}
        return {"pictures": self.pictures} | changes | counts | messages

    def as_text(self) -> str:
        """The counts and messages for a reader; empty when there are none."""
        changes = [
            f"{self.changes[name]:,} {name.replace('_', ' ')}"
            for name in picture_files.CHANGES
            if self.changes[name]
        ]
        parts = [
            f"of {counted(self.pictures, 'picture')}: {', '.join(changes)}" if changes else "",
            f"left out: {describe_counts(self.left_out)}" if self.left_out else "",
            *_indented(self.broken),
            f"warnings: {self.warned:,}" if self.warned else "",
            *_indented(self.warnings),
            self._as_sentence_of_distances(),
        ]
        return "\n".join(filter(None, parts))

    def _as_sentence_of_distances(self) -> str:
        if self.far is None:
            return ""
        verb = "is" if self.far == 1 else "are"
        sentence = (
            f"{self.far:,} of {counted(self.pictures, 'file')} {verb} further from the training "
            "data than 99 % of validation examples"
        )
        return f"{sentence}; features of such pictures say little" if self.far else sentence

    @staticmethod
    def _keep(sentences: list[str], sentence: str) -> None:
        if len(sentences) < _MOST_NAMED:
            sentences.append(sentence)
        elif len(sentences) == _MOST_NAMED:
            sentences.append("...")


def embed(
    embedder: Embedder, folder: Path, out: Path, key: str, workers: int, progress: Progress
) -> Summary:
    """Writes the features of all pictures below a folder, and the files that are left out.

    Parameters
    ----------
    embedder : computes the features.
    folder : contains the pictures, in any depth.
    out : the table to write; left_out_path(out) gets the other files.
    key : what encoder_key returns.
    workers : how many processes decode. The features do not depend on it.
    progress : shows the progress of a sequence, as stage.progress does.

    Raises
    ------
    DataError : the folder has no picture, or none that can be read. Nothing is written then.
    """
    listing, reference = folders.list_pictures(folder), embedder.reference
    summary = Summary(left_out=listing.count_left_out(), far=None if reference is None else 0)
    reading, names = embedder.encoder.description.reading, listing.pictures
    blocks = decode_files(folder, names, embedder.shape, reading, workers)
    shown = progress(blocks, count_blocks(names), "embed")
    with (
        _left_out_table(left_out_path(out), listing) as left_out,
        feature_tables.create(
            out, embedder.dim, distances=reference is not None, key=key, folder=folder
        ) as table,
    ):
        for paths, pixels in _in_batches(_pictures(shown, summary, left_out)):
            features = embedder.features(torch.from_numpy(pixels))
            distances = None if reference is None else reference.distances(features)
            summary.count_far(distances, reference)
            table.add(paths, features.numpy(), None if distances is None else distances.numpy())
        if not summary.pictures:
            lines = "\n".join(_indented(summary.broken))
            pictures = counted(len(names), "picture")
            raise DataError(f"{folder}: of {pictures} none can be read:\n{lines}")
    return summary


@contextlib.contextmanager
def _left_out_table(path: Path, listing: Listing) -> Iterator[Any]:
    """A writer of rows of CSV, after the files that the listing leaves out."""
    with (
        files.atomic_file(path) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["path", "reason", "detail"])
        rows.writerows((escape_name(name), reason, "") for name, reason in listing.left_out)
        yield rows


def _pictures(
    blocks: Iterable[Block], summary: Summary, left_out: Any
) -> Iterator[tuple[list[str], np.ndarray]]:
    """Paths and pixels of each block's pictures; the summary and left_out get the rest."""
    for block in blocks:
        summary.add(block)
        paths = []
        for name, outcome in zip(map(escape_name, block.names), block.outcomes, strict=True):
            if isinstance(outcome, LeftOut):
                left_out.writerow([name, outcome.reason, outcome.detail])
            else:
                paths.append(name)
        yield paths, block.pixels


def _in_batches(
    pictures: Iterable[tuple[list[str], np.ndarray]],
) -> Iterator[tuple[list[str], np.ndarray]]:
    """The same paths and pixels, as many as are embedded at once; the last may be fewer."""
    paths: list[str] = []
    waiting: list[np.ndarray] = []
    for more, pixels in pictures:
        paths += more
        waiting.append(pixels)
        while len(paths) >= _BATCH:
            together = np.concatenate(waiting)
            yield paths[:_BATCH], together[:_BATCH]
            paths, waiting = paths[_BATCH:], [together[_BATCH:]]
    if paths:
        yield paths, np.concatenate(waiting)


def left_out_path(out: Path) -> Path:
    """The CSV file, beside a table, of the files that are not in it, with reasons."""
    return out.with_suffix(".left_out.csv")


def encoder_key(models: Path, embedder: Embedder) -> str:
    """A text that is equal for features that can be compared: same weights, same use of them."""
    weights = files.sha256(models / "encoder/encoder.safetensors")
    key = f"{weights}, mirror {str(embedder.mirror).lower()}"
    if embedder.reduction is None:
        return key
    return f"{key}, reduced by {files.sha256(models / 'embedder/embedder.safetensors')}"


def _indented(sentences: Sequence[str]) -> list[str]:
    return [f"  {sentence}" for sentence in sentences]
