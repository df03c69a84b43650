"""The texts of a user's file or folder: a table, JSON lines, or .txt files."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from twinview.core.errors import ConfigError, DataError, EncodingError
from twinview.data.folder_scan import scan_folder
from twinview.data.table_rows import Table, read_table

JSON_LINES = (".jsonl", ".ndjson")
_AS_UTF8 = "save it in UTF-8"


def read_rows(file: Path, columns: Mapping[str, str]) -> Table:
    """The rows of a table or of JSON lines that have any cell.

    Parameters
    ----------
    file : CSV, TSV or Parquet, as read_table takes them, or .jsonl with an object in each line.
    columns : from a role, such as label, to the name of its column or key.

    Raises
    ------
    ConfigError : there is no such file, or it lacks a column.
    DataError : the file is broken or has no rows; the message names the line.
    """
    table = (
        _read_json_lines(file, columns)
        if file.suffix.lower() in JSON_LINES
        else read_table(file, columns)
    )
    for number, cells in table.rows:
        for role, cell in cells.items():
            if "\0" in cell:
                raise DataError.at(
                    f"{file}, {table.unit} {number}, column {columns[role]!r},",
                    "holds a NUL byte, so it is no text",
                    "remove it, or look whether the file was written in another encoding",
                )
    return table


def read_text_files(folder: Path) -> dict[str, str]:
    """The texts of the .txt files below a folder, by relative path.

    Raises DataError when there are none, or one is not UTF-8 text.
    """
    paths = [path for path in scan_folder(folder).files if path.lower().endswith(".txt")]
    if not paths:
        raise DataError.at(folder, "holds no .txt file", "name a folder of texts, or a table")
    return {path: _read_text(folder / path) for path in paths}


def path_id(path: str) -> int:
    """An id that follows from a path."""
    digest = hashlib.blake2b(path.encode(), digest_size=8).digest()
    return int.from_bytes(digest) >> 2


def _read_text(file: Path) -> str:
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise EncodingError(str(file), error, _AS_UTF8) from None
    if "\0" in text:
        raise DataError.at(file, "holds a NUL byte, so it is no text", "remove it from the folder")
    return text


def _read_json_lines(file: Path, columns: Mapping[str, str]) -> Table:
    rows, seen = [], set[str]()
    for number, line in enumerate(_lines(file), start=1):
        if not line.strip():
            continue
        place = f"{file}, line {number}"
        try:
            values = json.loads(line)
        except ValueError as error:
            raise DataError.at(place, f"is no JSON ({error})", "mend the line") from None
        if not isinstance(values, dict):
            raise DataError.at(place, "is no JSON object", "write a {...} in each line")
        seen |= values.keys()
        rows.append((number, {role: _cell(place, values, key) for role, key in columns.items()}))
    if not rows:
        raise DataError.at(file, "has no rows", "write a JSON object in each line")
    if missing := [key for key in columns.values() if key not in seen]:
        raise ConfigError.at(
            file,
            f"has no key {missing[0]!r} (it has {', '.join(sorted(seen))})",
            "name one of them",
        )
    return Table(rows, "line", tuple(sorted(seen - set(columns.values()))))


def _lines(file: Path) -> list[str]:
    try:
        return file.read_bytes().decode("utf-8-sig").split("\n")
    except FileNotFoundError:
        raise ConfigError.at(file, "does not exist", "name a file of texts") from None
    except UnicodeDecodeError as error:
        raise EncodingError(str(file), error, _AS_UTF8) from None


def _cell(place: str, values: Mapping[str, object], key: str) -> str:
    value = values.get(key)
    if value is None:
        return ""
    if isinstance(value, bool | float | list | dict):
        raise DataError.at(place, f"has {value!r} as {key!r}, which is no text", "write a string")
    return str(value)
