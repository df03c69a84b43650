"""A source of texts, divided into splits; the tokens are learnt from the train split alone."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from twinview.core.errors import DataError
from twinview.core.types import NO_GROUP, NO_LABEL, Split, Vocabulary
from twinview.data import split_writer
from twinview.data.labels import class_names
from twinview.data.picture_arrays import number
from twinview.data.source_splits import Columns
from twinview.data.splits import NAMES, Prepared
from twinview.data.text_source import TextSource
from twinview.preparation import examples
from twinview.preparation.division import Divided, place_examples
from twinview.settings.sections import Data
from twinview.texts.tokens import encode, train_tokenizer

NO_TEXT = "without any text"


def prepare_texts(source: TextSource, options: Data, folder: Path, *, stratified: bool) -> Divided:
    """The splits of a source of texts, which are written into a folder.

    Examples without any text are left out. Those whose texts are all equal are exact copies.

    Parameters
    ----------
    source : the texts, and what is known of them.
    options : the section data of params.yaml.
    folder : gets the files of the splits.
    stratified : whether the splits have all classes in proportion; else labels do not count.

    Raises
    ------
    DataError : no example has a text.
    ConfigError : there are fewer examples than the splits want.
    """
    kept = [row for row, texts in enumerate(source.texts) if any(map(str.strip, texts))]
    if not kept:
        raise DataError.at(
            f"the source {options.source}", "has no example with a text", "name another column"
        )
    labels, groups, given = (
        column and [column[row] for row in kept]
        for column in (source.labels.labels, source.labels.groups, source.labels.splits)
    )
    columns = Columns([source.ids[row] for row in kept], labels, groups, given)
    digests = np.stack([_digest(source.texts[row]) for row in kept])
    places = place_examples(
        columns, digests.__getitem__, options, stratified=stratified, are_pictures=False
    )
    prepared, notes = _tokenised(source, kept, columns, places.splits, options)
    for name, split in prepared.splits.items():
        split_writer.save_split(folder, name, split)
    fates = dict(zip(kept, places.fates, strict=True))
    table = examples.columns(_rows(source, fates))
    return Divided(prepared, table, (*source.labels.notes, *places.notes, *notes))


def _tokenised(
    source: TextSource,
    kept: Sequence[int],
    columns: Columns,
    splits: Sequence[str | None],
    options: Data,
) -> tuple[Prepared, list[str]]:
    """The splits in the order of their ids, and sentences on what the tokens leave out."""
    wish, classes = source.tokens, source.labels.classes
    rows_of = {
        name: sorted(
            (row for row, split in enumerate(splits) if split == name), key=columns.ids.__getitem__
        )
        for name in NAMES
    }
    train = (text for row in rows_of["train"] for text in source.texts[kept[row]])
    tokenizer = train_tokenizer(train, wish.kind, wish.vocabulary)
    vocabulary = Vocabulary(tokenizer.get_vocab_size(), tokenizer.to_str(), wish.joined)
    companions, parts, long, total = len(source.texts[0]), {}, 0, 0
    for name, rows in rows_of.items():
        flat = [text for row in rows for text in source.texts[kept[row]]]
        found = encode(tokenizer, flat, wish.length)
        long += int((found.counts > wish.length).sum())
        total += int((found.counts > 0).sum())
        inputs = torch.from_numpy(found.tokens).view(len(rows), companions, wish.length)
        parts[name] = Split(
            inputs,
            _numbers(columns.labels, classes, rows, NO_LABEL),
            torch.tensor([columns.ids[row] for row in rows]),
            _numbers(columns.groups, class_names(columns.groups or ()), rows, NO_GROUP),
        )
    notes = [f"the vocabulary has {vocabulary.size:,} tokens, learnt from train"]
    if long:
        notes.append(f"{long:,} of {total:,} texts are cut after {wish.length} tokens")
    return Prepared(parts, classes, options.modality, vocabulary), notes


def _numbers(
    column: Sequence[Any] | None, names: Sequence[str], rows: Sequence[int], none: int
) -> torch.Tensor | None:
    """The numbers of a column's words in these rows; None where no row has one."""
    if column is None:
        return None
    words = [column[row] for row in rows]
    return number(words, names, none) if any(word is not None for word in words) else None


def _digest(texts: Sequence[str]) -> np.ndarray:
    """What equal texts have in common: 16 bytes."""
    joined = "\0".join(" ".join(text.split()) for text in texts)
    return np.frombuffer(hashlib.blake2b(joined.encode(), digest_size=16).digest(), np.uint8)


def _rows(source: TextSource, fates: Mapping[int, Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """The rows of the table of examples."""
    labels, groups = source.labels.labels, source.labels.groups
    for row, (row_id, origin) in enumerate(zip(source.ids, source.origins, strict=True)):
        yield {
            "id": row_id,
            "origin": origin,
            "label": labels and labels[row],
            "group": groups and groups[row],
            **(fates[row] if row in fates else examples.left_out(NO_TEXT)),
        }
