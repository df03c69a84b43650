"""A source of files, decoded and divided into splits."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import torch
from torch import Tensor

from twinview.core import paths, registry
from twinview.core.counts import counted, describe_counts
from twinview.core.errors import DataError
from twinview.core.reading import Reading
from twinview.core.tensor_files import Blocks
from twinview.core.types import NO_GROUP, NO_LABEL, Modality, Split
from twinview.data import split_writer
from twinview.data.file_source import FileSource
from twinview.data.labels import class_names
from twinview.data.picture_arrays import number
from twinview.data.source_splits import Columns
from twinview.data.splits import NAMES, Prepared, load_inputs
from twinview.pictures.decoded_store import Decoded, decode_files
from twinview.pictures.files import LeftOut
from twinview.preparation import examples
from twinview.preparation.division import Divided, place_examples
from twinview.settings.sections import Data

Progress = Callable[[Iterable[Any], int, str], Iterator[Any]]
_HASHED = 1 << 62  # is added to the ids of paths, so that none is an id by number


def prepare_files(
    source: FileSource, options: Data, folder: Path, *, stratified: bool, progress: Progress
) -> Divided:
    """The splits of a source of picture files, of which the inputs are written into a folder.

    Files that cannot be read are left out, with the reasons in the table.

    Parameters
    ----------
    source : the files, and what is known of them.
    options : the section data of params.yaml.
    folder : gets the files of the splits, from which the inputs are mapped.
    stratified : whether the splits have all classes in proportion; else labels do not count.
    progress : shows the progress of a sequence, as stage.progress does.

    Raises
    ------
    DataError : no file can be read, or a larger share is left out than data.max_left_out.
    ConfigError : there are fewer examples than the splits want.
    """
    shape = (options.channels, options.size, options.size)
    reading = Reading(options.background, options.jpeg_margin)
    decoded = decode_files(
        source.folder,
        source.scan.files,
        shape,
        reading,
        store=paths.root() / paths.DECODED,
        workers=None,
        progress=progress,
    )
    known = _Known(source, decoded)
    _require_enough(source, known, options.max_left_out)
    places = place_examples(
        known.columns, known.read, options, stratified=stratified, are_pictures=True
    )
    classes = class_names(known.labels or ())
    splits = {name: known.write(folder, name, places.splits, classes) for name in NAMES}
    modality: Modality = registry.bind("modalities", options.modality, {})()
    prepared = Prepared(
        splits,
        classes,
        options.modality,
        modality.statistics(splits["train"].inputs),
        reading=reading,
    )
    fates = dict(zip(known.paths, places.fates, strict=True))
    table = examples.columns(_rows(source, decoded, fates))
    notes = (*source.labels.notes, *places.notes, *_passing_faults(decoded))
    return Divided(prepared, table, notes)


def _passing_faults(decoded: Decoded) -> list[str]:
    """A sentence where files are left out that another reading may find in order."""
    passing = Counter(found.reason for found in _left_out(decoded) if found.passing)
    if not passing:
        return []
    return [
        f"{describe_counts(passing)}: these faults may pass; `dvc repro --force prepare` reads the "
        "files again, and decodes no others"
    ]


def _left_out(decoded: Decoded) -> Iterator[LeftOut]:
    """The files that cannot be read."""
    return (found for found in decoded.rows.values() if isinstance(found, LeftOut))


def example_id(path: str, numbered: bool) -> int:
    """The id of a file: the number that is its name, or one that follows from its path.

    Raises DataError where files are numbered and this one is not.
    """
    if not numbered:
        digest = hashlib.blake2b(path.encode(), digest_size=8).digest()
        return int.from_bytes(digest) >> 2 | _HASHED
    stem = PurePosixPath(path).stem
    if not (stem.isascii() and stem.isdecimal() and int(stem) < _HASHED):
        raise DataError.at(
            path,
            "has a name that is no number, and sources.folder.ids is 'numbers'",
            "set it to 'paths', or name the file by its number",
        )
    return int(stem)


class _Known:
    """What is known of the files that could be read, each as a column."""

    def __init__(self, source: FileSource, decoded: Decoded) -> None:
        self.decoded = decoded
        rows = [
            row
            for row, path in enumerate(source.scan.files)
            if not isinstance(decoded.rows[path], LeftOut)
        ]
        every = list(source.scan.files)
        self.paths = [every[row] for row in rows]
        self.ids = [example_id(path, source.numbered) for path in self.paths]
        labels = source.labels
        self.labels, self.groups, self.given = (
            None if column is None else [column[row] for row in rows]
            for column in (labels.labels, labels.groups, labels.splits)
        )

    @property
    def columns(self) -> Columns:
        """What is known, as the division takes it."""
        return Columns(self.ids, self.labels, self.groups, self.given)

    def read(self, rows: np.ndarray) -> np.ndarray:
        """The pixels of some rows: uint8 (n, c, h, w)."""
        return self.decoded.load([self.paths[row] for row in rows]).numpy()

    def write(
        self, folder: Path, name: str, splits: Sequence[str | None], classes: Sequence[str]
    ) -> Split:
        """Writes a split, in the order of the ids; returns it with its inputs mapped."""
        rows = [row for row, split in enumerate(splits) if split == name]
        rows.sort(key=self.ids.__getitem__)
        blocks = self.decoded.read([self.paths[row] for row in rows])
        inputs = Blocks((len(rows), *self.decoded.shape), torch.uint8, blocks)
        ids = torch.tensor([self.ids[row] for row in rows])
        groups = _numbers(self.groups, class_names(self.groups or ()), rows, NO_GROUP)
        split_writer.write_split(folder, name, inputs, ids, groups)
        labels = _numbers(self.labels, classes, rows, NO_LABEL)
        return replace(load_inputs(folder, name), labels=labels)


def _numbers(
    column: Sequence[str | None] | None, names: Sequence[str], rows: Sequence[int], none: int
) -> Tensor | None:
    """The numbers of a column's texts in these rows; None where no row has a text."""
    if column is None:
        return None
    texts = [column[row] for row in rows]
    return number(texts, names, none) if any(text is not None for text in texts) else None


def _rows(
    source: FileSource, decoded: Decoded, fates: Mapping[str, Mapping[str, Any]]
) -> Iterator[dict[str, Any]]:
    """The rows of the table: all files, and what else lies in the folder."""
    labels = source.labels
    for row, path in enumerate(source.scan.files):
        found = decoded.rows[path]
        own: dict[str, Any]
        texts = {
            name: None if column is None else column[row]
            for name, column in (("label", labels.labels), ("group", labels.groups))
        }
        if isinstance(found, LeftOut):
            own = examples.left_out(found.reason, found.detail)
        else:
            info = decoded.info(path)
            height, width = info.size
            own = {"kind": info.kind, "width": width, "height": height, **fates[path]}
        # A file that is no example, such as README.txt, need not be named by a number.
        numbered = source.numbered and not isinstance(found, LeftOut)
        yield {"id": example_id(path, numbered), "origin": path, **texts, **own}
    for path, reason in source.scan.left_out.items():
        yield {"id": example_id(path, numbered=False), "origin": path, **examples.left_out(reason)}


def _require_enough(source: FileSource, known: _Known, most: float | None) -> None:
    """Raises DataError when no file can be read, or too large a share of them cannot."""
    files, left = len(source.scan.files), len(source.scan.files) - len(known.paths)
    reasons = describe_counts(Counter(found.reason for found in _left_out(known.decoded)))
    if not known.paths:
        raise DataError.at(
            source.folder,
            f"holds no picture that can be read, of {counted(files, 'file')} ({reasons})",
            "name a folder that holds pictures",
        )
    if most is not None and left > most * files:
        raise DataError.at(
            "data.max_left_out",
            f"is {most}, and {left:,} of {counted(files, 'file')} cannot be read ({reasons})",
            "mend or remove these files, or raise it; null lets any number be left out",
        )
