"""The map of test embeddings, and the nearest neighbours of some, as data for the page."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from twinview.core import randomness
from twinview.core.types import NO_LABEL, Embeddings, Split
from twinview.evaluation.nearest import nearest
from twinview.reporting.closest_pairs import ClosePair
from twinview.reporting.inline import data_uri, sprite, thumbnails
from twinview.reporting.marks import mark
from twinview.reporting.pictures import as_picture
from twinview.reporting.projection import projection

_UNITS = 1000  # the side of the map; its whole numbers are finer than a screen
_COLUMNS = 50  # of the sprite
_NO_CLASS = "no label"


@dataclass(frozen=True)
class Example:
    """One example: its picture as a data URI, its class, "" without a label, and its id."""

    picture: str
    actual: str
    row_id: int


@dataclass(frozen=True)
class Neighbour:
    """A train example near a query.

    same_class: whether its class is the query's; None where one of them has no label.
    """

    example: Example
    cosine: float
    same_class: bool | None


@dataclass(frozen=True)
class Query:
    """A test example, the class that a probe predicts, and its neighbours, nearest first.

    predicted: empty where there is no probe.
    """

    example: Example
    predicted: str
    neighbours: tuple[Neighbour, ...]

    @property
    def agreeing(self) -> int:
        """The number of neighbours that have the query's class."""
        return sum(neighbour.same_class is True for neighbour in self.neighbours)

    @property
    def comparable(self) -> int:
        """The number of neighbours whose class and the query's are known."""
        return sum(neighbour.same_class is not None for neighbour in self.neighbours)


def random_rows(seed: int, name: str, count: int, total: int) -> Tensor:
    """`count` random row numbers below `total`, in ascending order; all if there are fewer.

    seed, name: of the random numbers.
    """
    return torch.randperm(total, generator=randomness.generator(seed, name))[:count].sort().values


def map_data(
    test: Split,
    features: Tensor,
    predicted: Sequence[str] | None,
    classes: Sequence[str],
    names: Sequence[str],
    rows: Tensor,
    seed: int,
) -> dict[str, Any]:
    """The data for the map's script: points (x, y, actual, predicted, name), marks, the sprite.

    Points without a label are of one more class, which is called so, and have no prediction.

    Parameters
    ----------
    test : the test split.
    features : (n, d) of the test split.
    predicted : for each test row, the class that the first probe predicts; None where there is no
        probe.
    classes : the names of the classes, by label.
    names : what the page calls each test row.
    rows : the test rows on the map.
    seed : of the projection.
    """
    positions = (projection(features[rows], seed) * _UNITS).round().int()
    label_of = {name: label for label, name in enumerate(classes)}
    on_map = test.take(rows)
    shown = [] if on_map.labels is None else list(classes)
    labels = [NO_LABEL] * len(on_map) if on_map.labels is None else on_map.labels.tolist()
    actual = [len(shown) if label == NO_LABEL else label for label in labels]
    predicted_labels = [
        label_of[predicted[row]] if predicted and label != NO_LABEL else None
        for row, label in zip(rows.tolist(), labels, strict=True)
    ]
    shown += [_NO_CLASS] * (NO_LABEL in labels)
    called = [names[row] for row in rows.tolist()]
    columns = zip(*positions.T.tolist(), actual, predicted_labels, called, strict=True)
    height, width = thumbnails(on_map.inputs[:1]).shape[2:]
    return {
        "classes": shown,
        "marks": [asdict(mark(label)) for label in range(len(shown))],
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
    predicted: Sequence[str] | None,
    classes: Sequence[str],
    rows: Tensor,
    count: int,
) -> list[Query]:
    """For each of the test rows, its `count` nearest train rows by cosine.

    Parameters
    ----------
    splits, features : the inputs and the features by split.
    predicted : for each test row, the class that the first probe predicts; None where there is no
        probe.
    classes : the names of the classes, by label.
    rows : the test rows.
    count : the number of neighbours of each.
    """
    train, test = features["train"].features, features["test"].features[rows]
    cosines, nearest_rows = nearest(test, train, count)
    asked = examples(splits["test"].take(rows), classes)
    queries = []
    for example, row, neighbours, similarities in zip(
        asked, rows.tolist(), nearest_rows, cosines.tolist(), strict=True
    ):
        shown = zip(examples(splits["train"].take(neighbours), classes), similarities, strict=True)
        near = (Neighbour(n, round(cosine, 3), _same_class(n, example)) for n, cosine in shown)
        queries.append(Query(example, predicted[row] if predicted else "", tuple(near)))
    return queries


def close_pairs(
    splits: Mapping[str, Split], pairs: Sequence[ClosePair], classes: Sequence[str]
) -> list[Query]:
    """The test example of each pair, with its train example as the only neighbour.

    Parameters
    ----------
    splits : the inputs by split.
    pairs : rows of test and train.
    classes : the names of the classes, by label.
    """
    test, train = (
        examples(splits[name].take(torch.tensor(rows, dtype=torch.long)), classes)
        for name, rows in (("test", [p.test for p in pairs]), ("train", [p.train for p in pairs]))
    )
    return [
        Query(query, "", (Neighbour(near, round(pair.cosine, 3), _same_class(near, query)),))
        for query, near, pair in zip(test, train, pairs, strict=True)
    ]


def _same_class(one: Example, other: Example) -> bool | None:
    return one.actual == other.actual if one.actual and other.actual else None


def examples(split: Split, classes: Sequence[str]) -> list[Example]:
    """The examples of a split as the page shows them."""
    names = [""] * len(split)
    if split.labels is not None:
        names = ["" if n == NO_LABEL else classes[n] for n in split.labels.tolist()]
    return [
        Example(data_uri(as_picture(image)), name, row_id)
        for image, name, row_id in zip(
            thumbnails(split.inputs), names, split.ids.tolist(), strict=True
        )
    ]
