"""The table of examples: where each comes from, its split, and why it is left out."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from twinview.core.errors import DataError
from twinview.core.parquet_files import load_table, save_table
from twinview.data.labels import SPLIT_NAMES

USED, LEFT_OUT = "used", "left_out"
# id: of the example, unique. origin: its path in the folder, or where else it comes from. kind: of
# the file's content, such as PNG. width, height: of a picture as it was. reason: a few words that
# are counted. detail: of this example. copy_of, near_of: see copies.CopyPlan.
SCHEMA = pa.schema(
    [
        pa.field("id", pa.int64(), nullable=False),
        pa.field("origin", pa.string(), nullable=False),
        pa.field("label", pa.string()),
        pa.field("group", pa.string()),
        pa.field("split", pa.string()),
        pa.field("kind", pa.string()),
        pa.field("width", pa.int32()),
        pa.field("height", pa.int32()),
        pa.field("status", pa.string(), nullable=False),
        pa.field("reason", pa.string()),
        pa.field("detail", pa.string()),
        pa.field("copy_of", pa.int64()),
        pa.field("near_of", pa.int64()),
    ]
)


def save_examples(path: Path, columns: Mapping[str, Sequence[Any]]) -> None:
    """Writes the table in the order of the ids; equal rows give equal bytes in any order.

    Parameters
    ----------
    path : data/prepared/examples.parquet.
    columns : columns of SCHEMA, each with a value or None for each example. A column that is not
        given has no values.

    Raises
    ------
    DataError : the rows break a rule that check_examples states.
    """
    rows = len(columns["id"])
    filled = {name: columns.get(name, [None] * rows) for name in SCHEMA.names}
    table = pa.table(filled, schema=SCHEMA).sort_by("id")
    check_examples(path, table)
    save_table(path, table)


def load_examples(path: Path) -> pa.Table:
    """The table that save_examples wrote. Raises DataError when it is missing or broken."""
    table = load_table(path, SCHEMA)
    check_examples(path, table)
    return table


def check_examples(path: Path, table: pa.Table) -> None:
    """Raises DataError unless the table keeps its rules.

    Ids are unique. Each example is used or left out. A used one has one of the splits and no
    reason; one that is left out has a reason and no split.
    """
    used, left_out = (pc.equal(table["status"], status) for status in (USED, LEFT_OUT))
    in_split = pc.is_in(table["split"], value_set=pa.array(list(SPLIT_NAMES.values())))
    has_reason = pc.is_valid(table["reason"])
    rules = {
        "that is neither used nor left_out": pc.or_(used, left_out),
        "that is used and has a reason": pc.invert(pc.and_(used, has_reason)),
        "that is used and in no split": pc.or_(pc.invert(used), in_split),
        "that is left out without a reason": pc.or_(pc.invert(left_out), has_reason),
        "that is left out and has a split": pc.or_(pc.invert(left_out), pc.is_null(table["split"])),
    }
    remedy = "delete it and run `dvc repro`"
    for words, kept in rules.items():
        broken = table.filter(pc.invert(kept))
        if len(broken):
            raise DataError.at(path, f"has a row ({broken['origin'][0]}) {words}", remedy)
    if pc.count_distinct(table["id"]).as_py() != len(table):
        raise DataError.at(path, "has an id twice", remedy)
    for column in ("copy_of", "near_of"):
        known = pc.is_in(table[column].drop_null(), value_set=table["id"].combine_chunks())
        if not pc.all(known, min_count=0).as_py():
            raise DataError.at(path, f"has an id in {column} that is no example's", remedy)


def count_reasons(table: pa.Table) -> Counter[str]:
    """How many examples are left out for each reason."""
    return Counter(reason for reason in table["reason"].to_pylist() if reason is not None)
