"""Texts of the user: a table (CSV, TSV or Parquet), JSON lines, or a folder of .txt files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from twinview.core import declare
from twinview.core.paths import root
from twinview.data.labels import Labels, clean, describe_labels, labels_by_folder, split_of
from twinview.data.text_source import TextColumns, TextSource, TokenOptions


def texts(
    *,
    path: str,
    columns: TextColumns,
    layout: str | None,
    split_names: Mapping[str, Literal["train", "validation", "test"]],
    tokens: TokenOptions,
) -> TextSource:
    """All rows of a file, or all .txt files below a folder; they are only read.

    Parameters
    ----------
    path : the file or the folder, absolute or relative to the project.
    columns : for a file, the names of its columns, or of the keys of its JSON objects.
    layout : for a folder, what the outermost folders stand for; see data.labels.labels_by_folder.
        null: the folders have no meaning.
    split_names : from the words for splits to train, validation and test.
    tokens : how texts become tokens.

    Raises
    ------
    ConfigError : the file is missing or lacks a column, or the layout is none.
    DataError : the file is broken, or the folder holds no text.
    """
    place = root() / path
    if place.is_dir():
        return _of_folder(place, layout, split_names, tokens)
    return _of_file(place, columns, split_names, tokens)


DECLARES = declare.Source(modality="text", of_user=True, called_by="path")


def _of_folder(
    folder: Path, layout: str | None, split_names: Mapping[str, str], tokens: TokenOptions
) -> TextSource:
    from twinview.data.text_files import path_id, read_text_files

    found = read_text_files(folder)
    paths = list(found)
    known = Labels() if layout is None else labels_by_folder(paths, layout, split_names)
    ids = [path_id(path) for path in paths]
    files = tuple(folder / path for path in paths)
    return TextSource([(text,) for text in found.values()], ids, paths, known, tokens, files)


def _of_file(
    file: Path, columns: TextColumns, split_names: Mapping[str, str], tokens: TokenOptions
) -> TextSource:
    from twinview.data.text_files import read_rows  # pyarrow: settings are checked without it

    roles = {f"text {number}": name for number, name in enumerate(columns.texts)}
    others = {role: getattr(columns, role) for role in ("label", "group", "split")}
    others = {role: name for role, name in others.items() if name is not None}
    table = read_rows(file, roles | others)
    column = {
        role: tuple(clean(cells[role]) for _, cells in table.rows) if role in others else None
        for role in ("label", "group", "split")
    }
    splits = column["split"] and tuple(
        split_of(word, split_names, f"{file}, {table.unit} {number}")
        for word, (number, _) in zip(column["split"], table.rows, strict=True)
    )
    notes = () if column["label"] is None else describe_labels(column["label"])
    return TextSource(
        [tuple(cells[role] for role in roles) for _, cells in table.rows],
        range(len(table.rows)),
        [f"{file.name}:{number}" for number, _ in table.rows],
        Labels(column["label"], column["group"], splits, notes),
        tokens,
        (file,),
    )
