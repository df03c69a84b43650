"""The map of test embeddings and the neighbours of some, as the page's script and tables need."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from twinview.core import randomness
from twinview.core.types import Embeddings, Split
from twinview.evaluation.nearest import nearest
from twinview.reporting.inline import data_uri, sprite, thumbnails
from twinview.reporting.marks import mark
from twinview.reporting.pictures import as_picture
from twinview.reporting.projection import projection

_UNITS = 1000  # the map's side in whole numbers, finer than a screen shows
_COLUMNS = 50


@dataclass(frozen=True)
class Example:
    """One example: its picture as a data URI, its class, its id."""

    picture: str
    actual: str
    row_id: int


@dataclass(frozen=True)
class Neighbour:
    """A train example near a query."""

    example: Example
    cosine: float
    same_class: bool


@dataclass(frozen=True)
class Query:
    """A test example, the class that a probe says, and its nearest train examples, best first."""

    example: Example
    predicted: str
    neighbours: tuple[Neighbour, ...]

    @property
    def agreeing(self) -> int:
        """How many neighbours are of the query's class."""
        return sum(neighbour.same_class for neighbour in self.neighbours)


def random_rows(seed: int, name: str, count: int, total: int) -> Tensor:
    """`count` of `total` row numbers at random, rising; all of them where there are fewer."""
    return torch.randperm(total, generator=randomness.generator(seed, name))[:count].sort().values


def map_data(
    test: Split,
    features: Tensor,
    predicted: Sequence[str],
    classes: Sequence[str],
    rows: Tensor,
    seed: int,
) -> dict[str, Any]:
    """What the map's script reads: points [x, y, actual, predicted, id], marks, the sprite's grid.

    predicted: the class that the first probe says of every test row.
    """
    places = (projection(features[rows], seed) * _UNITS).round().int()
    number = {name: place for place, name in enumerate(classes)}
    said = [number[predicted[row]] for row in rows.tolist()]
    part = test.take(rows)
    truth = required_labels(part)
    columns = zip(*places.T.tolist(), truth, said, part.ids.tolist(), strict=True)
    height, width = thumbnails(part.inputs[:1]).shape[2:]
    return {
        "classes": list(classes),
        "marks": [asdict(mark(place)) for place in range(len(classes))],
        "units": _UNITS,
        "sprite": {"columns": _COLUMNS, "width": width, "height": height},
        "points": [list(column) for column in columns],
    }


def map_sprite(test: Split, rows: Tensor) -> str:
    """The pictures of the map's points in one data URI, in the order of rows."""
    return data_uri(sprite(thumbnails(test.inputs[rows]), _COLUMNS))


def neighbour_rows(
    splits: Mapping[str, Split],
    features: Mapping[str, Embeddings],
    predicted: Sequence[str],
    classes: Sequence[str],
    rows: Tensor,
    count: int,
) -> list[Query]:
    """For each of the test rows its `count` nearest train rows by cosine.

    predicted: the class that the first probe says of every test row.
    """
    train, test = splits["train"], splits["test"]
    cosines, near = nearest(features["test"].features[rows], features["train"].features, count)
    queries = _examples(test.take(rows), classes)
    return [
        Query(
            portrait,
            predicted[row],
            tuple(
                Neighbour(other, round(cosine, 3), other.actual == portrait.actual)
                for other, cosine in zip(_examples(train.take(own), classes), scores, strict=True)
            ),
        )
        for portrait, row, own, scores in zip(
            queries, rows.tolist(), near, cosines.tolist(), strict=True
        )
    ]


def required_labels(split: Split) -> list[int]:
    """The labels, where the page cannot do without."""
    assert split.labels is not None, "the page needs labels"
    return split.labels.tolist()


def _examples(split: Split, classes: Sequence[str]) -> list[Example]:
    return [
        Example(data_uri(as_picture(image)), classes[label], row_id)
        for image, label, row_id in zip(
            thumbnails(split.inputs), required_labels(split), split.ids.tolist(), strict=True
        )
    ]
