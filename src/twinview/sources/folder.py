"""A folder of files, with labels from its folders, from a table, or without labels.

The folder is only read. What is left out, and why, is in data/prepared/examples.parquet.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from twinview.core import declare
from twinview.core.paths import root
from twinview.data.file_source import FileSource
from twinview.data.folder_scan import Scan, scan_folder
from twinview.data.label_tables import Columns, read_labels
from twinview.data.labels import Labels, labels_by_folder


def folder(
    *,
    path: str,
    labels: Literal["none", "folders", "table"],
    layout: str,
    table: str | None,
    columns: Columns,
    split_names: Mapping[str, Literal["train", "validation", "test"]],
    ids: Literal["paths", "numbers"],
) -> FileSource:
    """All files below a folder.

    Parameters
    ----------
    path : the folder, absolute or relative to the project.
    labels : where labels, groups and splits come from. none: there are none.
    layout : for folders, what the outermost folders stand for; see data.labels.labels_by_folder.
    table : for table, the file, absolute or relative to the project; see
        data.label_tables.read_labels.
    columns : the names of the table's columns.
    split_names : from the words for splits to train, validation and test.
    ids : numbers: files are named by numbers, such as 00012.png, which become the examples' ids.
        paths: ids follow from the paths, so that an example keeps its id when others come.

    Raises
    ------
    ConfigError : there is no such table, it lacks a column, or the layout is none.
    DataError : the folder does not exist or holds no file, or the table is broken.
    """
    place = root() / path
    scan = scan_folder(place)
    known = _labels(place, scan, labels, layout, table, columns, split_names)
    also = (root() / table,) if table is not None and labels == "table" else ()
    return FileSource(place, scan, known, numbered=ids == "numbers", also=also)


def _labels(
    place: Path,
    scan: Scan,
    labels: str,
    layout: str,
    table: str | None,
    columns: Columns,
    split_names: Mapping[str, str],
) -> Labels:
    paths = list(scan.files)
    if labels == "folders":
        return labels_by_folder(paths, layout, split_names)
    if labels == "table":
        assert table is not None, "the check of the settings refuses a table without a name"
        return read_labels(root() / table, columns, place, paths, split_names)
    return Labels()


def _check(options: Mapping[str, Any], settings: Any) -> Iterator[str]:
    if options["labels"] == "table" and options["table"] is None:
        yield (
            "sources.folder.table: is null, and sources.folder.labels is 'table'; name the file, "
            "or set labels to none or folders"
        )


DECLARES = declare.Source(modality="image", of_user=True, called_by="path", check=_check)
