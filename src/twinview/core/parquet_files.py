"""Parquet files of a stated schema: they are whole or absent, and are checked when loaded."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from twinview.core.errors import DataError
from twinview.core.files import atomic_file

_REMEDY = "delete it and run `dvc repro`"


def save_table(path: Path, table: pa.Table) -> None:
    """Writes a table; equal tables give equal bytes under one version of pyarrow."""
    with atomic_file(path) as temporary:
        # Pages end where chunks end, so that only a table of one chunk has one way to be written.
        pq.write_table(table.combine_chunks(), temporary, compression="zstd")


def load_table(path: Path, schema: pa.Schema) -> pa.Table:
    """The table that save_table wrote.

    Raises DataError when the file is missing or broken, or has other columns than `schema`.
    """
    try:
        # pq.read_table would take folders named "key=value" in the path for further columns.
        with pq.ParquetFile(path) as file:
            table = file.read()
    except FileNotFoundError:
        raise DataError.at(path, "is missing", "`dvc repro` makes it") from None
    except (pa.ArrowException, OSError) as error:
        raise DataError.at(path, f"is no whole Parquet file ({error})", _REMEDY) from None
    _require_schema(path, table.schema, schema)
    return table


def _require_schema(path: Path, schema: pa.Schema, expected: pa.Schema) -> None:
    columns, needed = (
        [f"{field.name}: {field.type}{'' if field.nullable else ' not null'}" for field in fields]
        for fields in (schema, expected)
    )
    if columns != needed:
        raise DataError.at(
            path, f"has the columns ({', '.join(columns)}), not ({', '.join(needed)})", _REMEDY
        )
