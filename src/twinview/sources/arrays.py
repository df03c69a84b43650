"""Pictures in a file of arrays (.npy, .npz) or in a Parquet table, with labels in it or beside.

NumPy's arrays are mapped from the file, and not loaded, unless a .npz is compressed.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import torch
from annotated_types import Ge
from torch import Tensor

from twinview.core import declare
from twinview.core.paths import root
from twinview.core.types import NO_GROUP, NO_LABEL, Source, Split
from twinview.data import array_files, array_labels, picture_tables
from twinview.data.array_labels import Names
from twinview.data.file_source import FileSource
from twinview.data.labels import Labels, class_names
from twinview.data.picture_arrays import as_pictures, number

UNPACKED = Path("data/raw/arrays")  # encoded pictures of a table, as files


def arrays(
    *,
    file: str,
    inputs: str,
    layout: Literal["nhw", "nhwc", "nchw"],
    shape: tuple[Annotated[int, Ge(1)], ...] | None,
    label: str | None,
    group: str | None,
    split: str | None,
    table: str | None,
    split_names: Mapping[str, Literal["train", "validation", "test"]],
) -> Source | FileSource:
    """All pictures of the file; an example's id is its row, from 0.

    Parameters
    ----------
    file : .npy, .npz or Parquet, known by its content; absolute or relative to the project.
    inputs : the name of a .npz's array, or of a table's column, of pictures; a .npy has no names.
    layout : the axes of pictures that are not encoded, uint8: n examples, h, w, c channels.
    shape : of a table whose column has the bytes of pixels, the axes of layout without n. null: the
        column has encoded pictures (PNG, JPEG, ...), which become files below data/raw/arrays.
    label, group, split : the names of the arrays or columns with them; null: there are none.
    table : a CSV, TSV or Parquet file that has these columns, a row for each picture in their
        order; null: the file of the pictures has them.
    split_names : from the words for splits to train, validation and test.

    Raises
    ------
    ConfigError : a file, an array or a column is missing, or the layout is another one.
    DataError : a file is broken, or an array has the wrong type or length.
    """
    path = root() / file
    roles = {"label": label, "group": group, "split": split}
    columns = {role: name for role, name in roles.items() if name is not None}
    names = Names(columns, None if table is None else root() / table, split_names)
    kind = array_labels.kind_of_file(path)
    if kind == "Parquet" and shape is None:
        return _files(path, inputs, names)
    pictures = _pictures(path, kind, inputs, layout, shape)
    known = array_labels.read(path, kind, len(pictures), names)
    for note in known.notes:
        print(f"arrays: {note}")
    return _source(pictures, known, _given_files(path, names))


DECLARES = declare.Source(modality="image", of_user=True, called_by="file")


def _pictures(
    path: Path, kind: str, inputs: str, layout: str, shape: tuple[int, ...] | None
) -> Tensor:
    if kind == "Parquet":
        assert shape is not None, "encoded pictures are files"
        pixels = picture_tables.read_pixels(path, inputs, shape)
        return as_pictures(pixels, layout, f"{path}, column {inputs!r} of the shape {list(shape)},")
    if kind == ".npy":
        return as_pictures(array_files.open_array(path, None), layout, str(path))
    array = array_files.open_array(path, inputs)
    return as_pictures(array, layout, f"{path}, array {inputs!r},")


def _given_files(path: Path, names: Names) -> tuple[Path, ...]:
    return (path,) if names.table is None else (path, names.table)


def _source(pictures: Tensor, known: Labels, files: tuple[Path, ...]) -> Source:
    labels = number(known.labels, known.classes, NO_LABEL)
    names = class_names(known.groups or ())
    groups = number(known.groups, names, NO_GROUP)
    fit = Split(pictures, labels, torch.arange(len(pictures)), groups)
    return Source(fit, None, known.classes, "image", known.splits, files, names)


def _files(path: Path, inputs: str, names: Names) -> FileSource:
    """The pictures of a table as files, since only stage prepare decodes."""
    count = picture_tables.count_rows(path)
    known = array_labels.read(path, "Parquet", count, names)
    folder, scan = picture_tables.unpack_pictures(path, inputs, root() / UNPACKED)
    labels = picture_tables.select_rows(known, [int(name) for name in scan.files])
    return FileSource(folder, scan, labels, numbered=True, also=_given_files(path, names))
