"""Contact sheets of clusters: the pictures nearest to each centre, the size, the usual class."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from twinview.core.types import NO_LABEL, Split
from twinview.reporting.embedding_map import Example, examples


@dataclass(frozen=True)
class Sheet:
    """A cluster on the page.

    number: as in reports/predictions.csv. size: its test pictures, `labelled` of which have a
    label. majority: their most frequent class, "" without labels. share: the share of that class
    among those with a label. examples: the pictures nearest to the centre, nearest first.
    """

    number: int
    size: int
    labelled: int
    majority: str
    share: float
    examples: tuple[Example, ...]


def cluster_sheets(
    nearest: Sequence[Sequence[int]], assigned: Sequence[int], test: Split, classes: Sequence[str]
) -> list[Sheet]:
    """A sheet for each cluster, the largest first.

    Parameters
    ----------
    nearest : by cluster, the ids of the test pictures nearest to its centre.
    assigned : the cluster of each test row.
    test : the test split.
    classes : the names of the classes, by label.
    """
    labels = [NO_LABEL] * len(test) if test.labels is None else test.labels.tolist()
    row_of = {row_id: row for row, row_id in enumerate(test.ids.tolist())}
    members: list[list[int]] = [[] for _ in nearest]
    for label, number in zip(labels, assigned, strict=True):
        members[number].append(label)
    sheets = []
    for number, ids in enumerate(nearest):
        rows = torch.tensor([row_of[row_id] for row_id in ids], dtype=torch.long)
        shown = tuple(examples(test.take(rows), classes))
        sheets.append(Sheet(number, len(members[number]), *_usual(members[number], classes), shown))
    return sorted(sheets, key=lambda sheet: -sheet.size)


def _usual(labels: Sequence[int], classes: Sequence[str]) -> tuple[int, str, float]:
    """How many have a label, the most frequent class of them, and its share; "" without any."""
    counts = Counter(sorted(label for label in labels if label != NO_LABEL))
    if not counts:
        return 0, "", 0.0
    label, count = counts.most_common(1)[0]
    return counts.total(), classes[label], count / counts.total()
