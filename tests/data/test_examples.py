"""The table of examples: its rules and its columns are checked, and its bytes are repeatable."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from twinview.core.errors import DataError
from twinview.data.examples import SCHEMA, count_reasons, load_examples, save_examples

USED = {"id": 7, "origin": "a.png", "label": "NA", "group": None, "split": "train", "kind": "PNG",
        "width": 3, "height": 2, "status": "used", "reason": None, "detail": None,
        "copy_of": None, "near_of": None}  # fmt: skip
LEFT_OUT = USED | {"id": 5, "origin": "b.png", "split": None, "kind": None, "width": None,
                   "height": None, "status": "left_out", "reason": "broken",
                   "detail": "line 3"}  # fmt: skip


def columns(*rows: dict[str, Any]) -> dict[str, list[Any]]:
    return {name: [row[name] for row in rows] for name in SCHEMA.names}


def test_what_is_loaded_is_what_was_saved_in_the_order_of_ids(tmp_path: Path) -> None:
    save_examples(tmp_path / "examples.parquet", columns(USED, LEFT_OUT))
    assert load_examples(tmp_path / "examples.parquet").to_pylist() == [LEFT_OUT, USED]


def test_a_column_that_is_not_given_has_no_values(tmp_path: Path) -> None:
    given = {
        name: values for name, values in columns(USED).items() if name not in ("kind", "label")
    }
    save_examples(tmp_path / "table", given)
    (row,) = load_examples(tmp_path / "table").to_pylist()
    assert row == USED | {"kind": None, "label": None}


def test_equal_rows_have_equal_bytes_in_any_order(tmp_path: Path) -> None:
    save_examples(tmp_path / "one", columns(USED, LEFT_OUT))
    save_examples(tmp_path / "two", columns(LEFT_OUT, USED))
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_reasons_are_counted(tmp_path: Path) -> None:
    other = LEFT_OUT | {"id": 6}
    save_examples(tmp_path / "table", columns(USED, LEFT_OUT, other))
    assert count_reasons(load_examples(tmp_path / "table")) == {"broken": 2}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (USED | {"status": "unused"}, r"a row \(a\.png\) that is neither used nor left_out"),
        (USED | {"reason": "broken"}, r"that is used and has a reason"),
        (USED | {"split": None}, r"that is used and in no split"),
        (USED | {"split": "val"}, r"that is used and in no split"),
        (LEFT_OUT | {"reason": None}, r"a row \(b\.png\) that is left out without a reason"),
        (LEFT_OUT | {"split": "test"}, r"that is left out and has a split"),
        (USED | {"id": 1}, r"has an id twice"),
        (USED | {"copy_of": 9}, r"has an id in copy_of that is no example's"),
        (USED | {"near_of": 9}, r"has an id in near_of that is no example's"),
    ],
)
def test_a_row_that_breaks_a_rule_is_refused_when_saved_and_when_loaded(
    row: dict[str, Any], message: str, tmp_path: Path
) -> None:
    rows = columns(row, USED | {"id": 1, "origin": "c.png"})
    with pytest.raises(DataError, match=message):
        save_examples(tmp_path / "table", rows)
    pq.write_table(pa.table(rows, schema=SCHEMA), tmp_path / "table")
    with pytest.raises(DataError, match=message):
        load_examples(tmp_path / "table")


@pytest.mark.parametrize(
    "schema", [SCHEMA.remove(3), SCHEMA.set(5, pa.field("kind", pa.float64()))]
)
def test_a_table_of_other_columns_is_refused(schema: pa.Schema, tmp_path: Path) -> None:
    pq.write_table(schema.empty_table(), tmp_path / "table")
    with pytest.raises(DataError, match=r"table has the columns \(id: int64 not null, .* not \(id"):
        load_examples(tmp_path / "table")


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="table is missing; `dvc repro` makes it"):
        load_examples(tmp_path / "table")
