"""The rows of data/prepared/examples.parquet: what became of each example of a source."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from torch import Tensor

from twinview.core.types import NO_GROUP, Source
from twinview.data.copies import CopyPlan
from twinview.data.examples import LEFT_OUT, USED
from twinview.data.splits import Prepared

NOT_WANTED = "beyond the wanted sizes of the splits"
COLUMNS = (
    "id", "origin", "label", "group", "split", "kind", "width", "height", "status", "reason",
    "detail", "copy_of", "near_of",
)  # fmt: skip


def columns(rows: Iterable[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """The columns of the table; a value that a row lacks is None."""
    table: dict[str, list[Any]] = {name: [] for name in COLUMNS}
    for row in rows:
        for name, values in table.items():
            values.append(row.get(name))
    return table


def status(split: str | None) -> dict[str, Any]:
    """The split, status and reason of an example that could be read."""
    if split is None:
        return {"status": LEFT_OUT, "reason": NOT_WANTED}
    return {"split": split, "status": USED}


def copied(plan: CopyPlan, row: int) -> dict[str, Any]:
    """Of which example a row is a copy, and whether it is left out for that."""
    found: dict[str, Any] = {"copy_of": plan.copy_of[row], "near_of": plan.near_of[row]}
    reason = plan.reasons[row]
    return found if reason is None else found | {"status": LEFT_OUT, "reason": reason}


def rows_of_source(
    source: Source, prepared: Prepared, name: str, plan: CopyPlan
) -> Iterable[dict[str, Any]]:
    """The rows of a source of examples in memory. name: the source's."""
    before = 0
    split_of = {
        row_id: split_name
        for split_name, split in prepared.splits.items()
        for row_id in split.ids.tolist()
    }
    for part in (source.fit, source.test):
        if part is None:
            continue
        labels, groups = _texts(part.labels, source.classes), _groups(part.groups)
        height, width = part.inputs.shape[-2:] if part.inputs.ndim == 4 else (None, None)
        for row, row_id in enumerate(part.ids.tolist()):
            yield {
                "id": row_id,
                "origin": f"{name}[{row_id}]",
                "label": labels[row] if labels else None,
                "group": groups[row] if groups else None,
                "width": width,
                "height": height,
                **status(split_of.get(row_id)),
                **copied(plan, before + row),
            }
        before += len(part)


def _texts(numbers: Tensor | None, names: Sequence[str]) -> list[str | None]:
    if numbers is None:
        return []
    return [names[number] if number >= 0 else None for number in numbers.tolist()]


def _groups(numbers: Tensor | None) -> list[str | None]:
    if numbers is None:
        return []
    return [None if number == NO_GROUP else str(number) for number in numbers.tolist()]
