"""What was found in the data, for the page: kinds, sizes, labels, what is left out, and copies."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from twinview.core.types import Split
from twinview.data.examples import LEFT_OUT, USED, count_reasons
from twinview.reporting.inline import data_uri, thumbnails
from twinview.reporting.pictures import as_picture

_NAMED = 5  # examples of a reason
_CLUSTERS, _MEMBERS = 12, 8  # that are shown
_COLUMNS = ("id", "origin", "label", "split", "status", "copy_of", "near_of")


@dataclass(frozen=True)
class Member:
    """An example of a cluster of copies. picture: a data URI; empty for one that is left out."""

    picture: str
    origin: str
    place: str
    label: str


@dataclass(frozen=True)
class Cluster:
    """Copies of one example, which comes first. more: how many members are not listed."""

    members: tuple[Member, ...]
    more: int


def file_names(table: pa.Table) -> dict[int, str]:
    """The names of the files that examples come from, by id; the page calls examples by them."""
    rows = table.select(["id", "origin", "kind"]).filter(pc.is_valid(table["kind"]))
    return {row["id"]: PurePosixPath(row["origin"]).name for row in rows.to_pylist()}


def data_found(examples: pa.Table, splits: Mapping[str, Split]) -> dict[str, Any]:
    """The values of the section on the data.

    Parameters
    ----------
    examples : the table of examples.
    splits : the prepared splits, for the pictures of copies.
    """
    used = examples.filter(pc.equal(examples["status"], USED))
    return {
        "total": len(examples),
        "used": len(used),
        "kinds": _count(examples["kind"]),
        "sizes": _sizes(used),
        "labelled": len(used) - used["label"].null_count,
        "class_sizes": sorted(_count(used["label"]).values()),
        "groups": pc.count_distinct(used["group"]).as_py(),
        "grouped": len(used) - used["group"].null_count,
        "reasons": _reasons(examples),
        **_copies(examples, splits),
    }


def _count(column: pa.ChunkedArray) -> dict[str, int]:
    """How often each value occurs, the most frequent first."""
    return dict(Counter(column.drop_null().to_pylist()).most_common())


def _sizes(used: pa.Table) -> dict[str, str]:
    """The smallest, the median and the largest picture, by the number of pixels."""
    sides = used.select(["width", "height"]).drop_null()
    if not len(sides):
        return {}
    width, height = (sides[name].to_numpy().astype(np.int64) for name in ("width", "height"))
    order = np.argsort(width * height, kind="stable")
    places = {"smallest": 0, "median": len(order) // 2, "largest": -1}
    return {
        name: f"{width[order[place]]:,} × {height[order[place]]:,}"
        for name, place in places.items()
    }


def _reasons(examples: pa.Table) -> list[dict[str, Any]]:
    """Each reason for which examples are left out, with their number and the first of them."""
    found = []
    for reason, count in count_reasons(examples).most_common():
        rows = examples.filter(pc.equal(examples["reason"], reason)).slice(0, _NAMED).to_pylist()
        named = [(row["origin"], row["detail"] or "") for row in rows]
        found.append({"reason": reason, "count": count, "named": named, "more": count - len(named)})
    return found


def _copies(examples: pa.Table, splits: Mapping[str, Split]) -> dict[str, Any]:
    """The numbers of clusters and copies, and the pictures of some clusters."""
    exact, near = _clusters(examples)
    shown = sorted(near, key=lambda rows: (len(_splits(rows)) < 2, -len(rows)))
    return {
        "exact": _numbers(exact),
        "near": _numbers(
            [rows for rows in near if any(row["near_of"] is not None for row in rows)]
        ),
        "clusters": [_cluster(rows, splits) for rows in shown[:_CLUSTERS]],
        "not_shown": max(0, len(shown) - _CLUSTERS),
    }


def _clusters(examples: pa.Table) -> tuple[list[list[dict[str, Any]]], list[list[dict[str, Any]]]]:
    """The rows of each cluster of exact copies, and of each cluster of exact and near ones."""
    linked = pc.or_(pc.is_valid(examples["copy_of"]), pc.is_valid(examples["near_of"]))
    copies = examples.filter(linked)
    leaders = pa.chunked_array([*copies["copy_of"].chunks, *copies["near_of"].chunks], pa.int64())
    wanted = pc.or_(
        linked, pc.is_in(examples["id"], value_set=leaders.drop_null().combine_chunks())
    )
    rows = examples.filter(wanted).select(list(_COLUMNS)).to_pylist()
    by_id = {row["id"]: row for row in rows}
    exact, near = defaultdict(list), defaultdict(list)
    for row in sorted(rows, key=_follows):
        leader = row if row["copy_of"] is None else by_id[row["copy_of"]]
        exact[leader["id"]].append(row)
        near[leader["id"] if leader["near_of"] is None else leader["near_of"]].append(row)
    return [rows for rows in exact.values() if len(rows) > 1], list(near.values())


def _follows(row: Mapping[str, Any]) -> bool:
    """Whether another example stands for this one; it is listed after that one."""
    return row["copy_of"] is not None or row["near_of"] is not None


def _numbers(clusters: Sequence[Sequence[Mapping[str, Any]]]) -> dict[str, int]:
    """Of clusters: how many, the examples beyond the first, across splits, of several labels."""
    return {
        "clusters": len(clusters),
        "copies": sum(len(rows) - 1 for rows in clusters),
        "across": sum(len(_splits(rows)) > 1 for rows in clusters),
        "labels": sum(len({row["label"] for row in rows} - {None}) > 1 for rows in clusters),
    }


def _splits(rows: Iterable[Mapping[str, Any]]) -> set[str]:
    return {row["split"] for row in rows} - {None}


def _cluster(rows: Sequence[Mapping[str, Any]], splits: Mapping[str, Split]) -> Cluster:
    """Some members, of which each split of the cluster has one."""
    first_of_split = {row["split"]: row["id"] for row in reversed(rows)}.values()
    chosen = sorted(rows, key=lambda row: row["id"] not in first_of_split)[:_MEMBERS]
    members = tuple(_member(row, splits) for row in sorted(chosen, key=_follows))
    return Cluster(members, len(rows) - len(members))


def _member(row: Mapping[str, Any], splits: Mapping[str, Split]) -> Member:
    place = "left out" if row["status"] == LEFT_OUT else row["split"]
    label = "" if row["label"] is None else row["label"]
    return Member(_picture(row["id"], splits.get(row["split"])), row["origin"], place, label)


def _picture(row_id: int, split: Split | None) -> str:
    if split is None:
        return ""
    row = int((split.ids == row_id).nonzero()[0, 0])
    return data_uri(as_picture(thumbnails(split.inputs[row : row + 1])[0]))
