"""The rows of data/prepared/examples.parquet: what became of each example of a source."""

from collections.abc import Iterable, Mapping
from typing import Any

from twinview.data.examples import LEFT_OUT, SCHEMA, USED

NOT_WANTED = "beyond the wanted sizes of the splits"


def columns(rows: Iterable[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """The columns of the table; a value that a row lacks is None."""
    table: dict[str, list[Any]] = {name: [] for name in SCHEMA.names}
    for row in rows:
        for name, values in table.items():
            values.append(row.get(name))
    return table


def status(split: str | None) -> dict[str, Any]:
    """The split, status and reason of an example that could be read."""
    if split is None:
        return left_out(NOT_WANTED)
    return {"split": split, "status": USED}


def left_out(reason: str, detail: str | None = None) -> dict[str, Any]:
    """The status of what is left out. reason: a few words. detail: of this one."""
    return {"status": LEFT_OUT, "reason": reason, "detail": detail}
