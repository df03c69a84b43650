"""Labels, groups and splits of pictures in a file of arrays or in a table, or in a table beside."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from twinview.core.errors import ConfigError
from twinview.data import array_files, picture_tables
from twinview.data.label_tables import Columns, read_labels
from twinview.data.labels import Labels, describe_labels, split_of
from twinview.data.picture_arrays import texts_of

_MAGIC = {b"\x93NUMPY": ".npy", b"PK\x03\x04": ".npz", b"PAR1": "Parquet"}


@dataclass(frozen=True)
class Names:
    """Where labels stand.

    columns: the names of arrays or columns, by label, group and split, of those that there are.
    table: the file that has these columns; None: the file of the pictures has them. split_names:
    from the words for splits to train, validation and test.
    """

    columns: Mapping[str, str]
    table: Path | None
    split_names: Mapping[str, str]


def kind_of_file(file: Path) -> str:
    """.npy, .npz or Parquet, by the content. Raises ConfigError for any other file."""
    try:
        with file.open("rb") as opened:
            head = opened.read(8)
    except OSError as error:
        problem = f"cannot be read ({error.strerror})"
        raise ConfigError.at(file, problem, "name a .npy, .npz or Parquet file") from None
    for magic, kind in _MAGIC.items():
        if head.startswith(magic):
            return kind
    raise ConfigError.at(file, "is no .npy, .npz or Parquet file", "save it as one of these")


def read(file: Path, kind: str, count: int, names: Names) -> Labels:
    """What is known of the `count` pictures of a file of a kind, in their order.

    Raises
    ------
    ConfigError : an array or a column is missing, or the file cannot have labels.
    DataError : labels have the wrong number or type, or a split another name.
    """
    if names.table is not None:
        columns = Columns(path=None, **{role: names.columns.get(role) for role in _ROLES})
        rows = [f"row {row}" for row in range(count)]
        return read_labels(names.table, columns, file.parent, rows, names.split_names)
    if kind == "Parquet":
        return picture_tables.read_columns(file, names.columns, names.split_names)
    if kind == ".npy" and names.columns:
        role, name = next(iter(names.columns.items()))
        raise ConfigError.at(
            f"sources.arrays.{role}",
            f"is {name!r}, and {file} holds one array, which is that of the pictures",
            "name a table with a row for each picture (sources.arrays.table), or set it to null",
        )
    return _of_arrays(file, count, names)


_ROLES = ("label", "group", "split")


def _of_arrays(file: Path, count: int, names: Names) -> Labels:
    known: dict[str, tuple[str | None, ...]] = {}
    for role, name in names.columns.items():
        place = f"{file}, array {name!r},"
        texts = texts_of(array_files.open_array(file, name), count, place)
        if role == "split":
            texts = tuple(split_of(text, names.split_names, place) for text in texts)
        known[role] = texts
    notes = describe_labels(known["label"]) if "label" in known else ()
    return Labels(known.get("label"), known.get("group"), known.get("split"), notes)
