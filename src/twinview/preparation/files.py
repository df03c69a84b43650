"""A source of files, decoded and divided into splits."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import torch
from torch import Tensor

from twinview.core import paths, registry
from twinview.core.errors import DataError
from twinview.core.types import NO_GROUP, NO_LABEL, Modality, Split
from twinview.data.copies import CopyPlan, plan_copies
from twinview.data.examples import LEFT_OUT
from twinview.data.file_source import FileSource
from twinview.data.labels import class_names
from twinview.data.split_rows import split_rows
from twinview.data.splits import NAMES, Prepared
from twinview.pictures.decode import Reading
from twinview.pictures.decoded_store import Decoded, decode_files
from twinview.pictures.files import LeftOut
from twinview.preparation import examples
from twinview.preparation.copies import find_copies
from twinview.preparation.division import Divided
from twinview.settings.sections import Data

Progress = Callable[[Iterable[Any], int, str], Iterator[Any]]
_HASHED = 1 << 62  # is added to the ids of paths, so that none is an id by number


def prepare_files(
    source: FileSource, options: Data, *, stratified: bool, progress: Progress
) -> Divided:
    """The splits of a source of picture files.

    Files that cannot be read are left out, with the reasons in the table.

    Parameters
    ----------
    source : the files, and what is known of them.
    options : the section data of params.yaml.
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
        store=paths.DECODED,
        workers=None,
        progress=progress,
    )
    known = _Known(source, decoded)
    _require_enough(source, known, options.max_left_out)
    plan = known.plan(options, stratified=stratified)
    division = split_rows(
        plan.take(known.ids) or [],
        {name: getattr(options, name) for name in NAMES},
        options.seed,
        labels=plan.take(known.labels) if stratified else None,
        groups=plan.groups,
        given=plan.given,
    )
    row_splits = plan.spread(division.splits)
    split_of = {
        path: (split, examples.copied(plan, row))
        for row, (path, split) in enumerate(zip(known.paths, row_splits, strict=True))
    }
    classes = class_names(known.labels or ())
    splits = {name: known.split(name, row_splits, classes) for name in NAMES}
    modality: Modality = registry.bind("modalities", options.modality, {})()
    prepared = Prepared(
        splits,
        classes,
        options.modality,
        modality.statistics(splits["train"].inputs),
        reading=asdict(reading),
    )
    table = examples.columns(_rows(source, decoded, split_of))
    return Divided(prepared, table, (*source.labels.notes, *plan.notes, *division.notes))


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

    def plan(self, options: Data, *, stratified: bool) -> CopyPlan:
        """What becomes of copies."""

        def read(rows: np.ndarray) -> np.ndarray:
            blocks = self.decoded.read([self.paths[row] for row in rows])
            pictures: np.ndarray = torch.cat(list(blocks)).numpy()
            return pictures

        return plan_copies(
            find_copies(read, len(self.ids), are_pictures=True),
            self.ids,
            labels=self.labels if stratified else None,
            groups=self.groups,
            given=self.given,
            duplicates=options.duplicates,
            near_pairs=options.near_pairs,
        )

    def split(self, name: str, splits: Sequence[str | None], classes: Sequence[str]) -> Split:
        """The examples of a split, in the order of their ids."""
        rows = [row for row, split in enumerate(splits) if split == name]
        rows.sort(key=self.ids.__getitem__)
        inputs = torch.cat(list(self.decoded.read([self.paths[row] for row in rows])))
        return Split(
            inputs,
            _numbers(self.labels, classes, rows, NO_LABEL),
            torch.tensor([self.ids[row] for row in rows]),
            _numbers(self.groups, class_names(self.groups or ()), rows, NO_GROUP),
        )


def _numbers(
    column: Sequence[str | None] | None, names: Sequence[str], rows: Sequence[int], none: int
) -> Tensor | None:
    """The numbers of a column's texts in these rows; None where no row has a text."""
    if column is None:
        return None
    number = {name: number for number, name in enumerate(names)}
    numbers = torch.tensor([number.get(column[row] or "", none) for row in rows])
    return numbers if (numbers != none).any() else None


def _rows(
    source: FileSource,
    decoded: Decoded,
    split_of: Mapping[str, tuple[str | None, Mapping[str, Any]]],
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
            own = {"status": LEFT_OUT, "reason": found.reason, "detail": found.detail}
        else:
            info, (split, copy) = decoded.info(path), split_of[path]
            height, width = info.size
            own = {"kind": info.kind, "width": width, "height": height}
            own = {**own, **examples.status(split), **copy}
        yield {"id": example_id(path, source.numbered), "origin": path, **texts, **own}
    for path, reason in source.scan.left_out.items():
        yield {
            "id": example_id(path, numbered=False),
            "origin": path,
            "status": LEFT_OUT,
            "reason": reason,
        }


def _require_enough(source: FileSource, known: _Known, most: float | None) -> None:
    """Raises DataError when no file can be read, or too large a share of them cannot."""
    files, left = len(source.scan.files), len(source.scan.files) - len(known.paths)
    reasons = Counter(
        found.reason for found in known.decoded.rows.values() if isinstance(found, LeftOut)
    )
    counted = ", ".join(f"{count:,} {reason}" for reason, count in reasons.most_common())
    if not known.paths:
        raise DataError.at(
            source.folder,
            f"holds no picture that can be read, of {files:,} files ({counted})",
            "name a folder that holds pictures",
        )
    if most is not None and left > most * files:
        raise DataError.at(
            "data.max_left_out",
            f"is {most}, and {left:,} of {files:,} files cannot be read ({counted})",
            "mend or remove these files, or raise it; null lets any number be left out",
        )
