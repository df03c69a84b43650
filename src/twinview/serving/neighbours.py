"""The pictures in which neighbours are searched: a table of `twinview embed`, or train."""

from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import pyarrow.compute as pc
import torch
from torch import Tensor

from twinview.core import paths
from twinview.core.errors import DataError
from twinview.core.types import NO_LABEL
from twinview.data import splits
from twinview.data.examples import load_examples
from twinview.evaluation.nearest import nearest
from twinview.models import embeddings
from twinview.models.embedder import Embedder
from twinview.pictures.files import LeftOut, read_or_leave_out
from twinview.pictures.folders import unescape_name
from twinview.serving import feature_tables

_BLOCK = 4096  # pictures whose pixels are compared at once


class Searched(Protocol):
    """Pictures with features (n, d), numbered from 0."""

    features: Tensor

    def row(self, place: int) -> dict[str, Any]:
        """What is known of a picture: id, origin (its file) and label, as far as they are known."""

    def picture(self, place: int) -> Tensor | None:
        """The pixels, uint8 (c, h, w); None if they cannot be read any more."""

    def nearest_by_pixels(self, query: Tensor, count: int) -> tuple[Tensor, Tensor] | None:
        """Cosines (1, k) and places (1, k) of the nearest by raw pixels; None: not known."""


class EmbeddedFolder:
    """The pictures of a table of `twinview embed`."""

    def __init__(self, table: Path, key: str, embedder: Embedder) -> None:
        self.names, self.features, self._folder = feature_tables.load(table, key)
        self._description = embedder.encoder.description

    def row(self, place: int) -> dict[str, Any]:
        """The path in the folder, as the id."""
        return {"id": self.names[place]}

    def picture(self, place: int) -> Tensor | None:
        """The pixels, read again from the folder that was embedded."""
        path = self._folder / unescape_name(self.names[place])
        found = read_or_leave_out(path, self._description.shape, self._description.reading)
        return None if isinstance(found, LeftOut) else found.pixels

    def nearest_by_pixels(self, query: Tensor, count: int) -> tuple[Tensor, Tensor] | None:
        """None, since the table has no pixels."""
        return None


class TrainSplit:
    """The train split, as stages prepare and embed left it."""

    def __init__(self, embedder: Embedder) -> None:
        """Embeds the first picture again, to compare. Raises DataError for another encoder's."""
        if not paths.EMBEDDINGS.is_dir():
            raise DataError.at(
                paths.EMBEDDINGS,
                "is missing",
                "in a project's folder `dvc repro` makes it, and --among names pictures that "
                "`twinview embed` embedded",
            )
        train = embeddings.load(paths.EMBEDDINGS)["train"]
        self.features, self._ids, self._labels = train.features, train.ids, train.labels
        self._classes = splits.load_classes(paths.PREPARED)
        again, stored = embedder.features(self._inputs[:1]), train.features[:1]
        if again.shape != stored.shape or not torch.allclose(again, stored, rtol=1e-3, atol=1e-3):
            raise DataError.at(
                paths.EMBEDDINGS, "is of another encoder", "`dvc repro` embeds again"
            )

    @cached_property
    def _inputs(self) -> Tensor:
        return splits.load_split(paths.PREPARED, "train").inputs

    @cached_property
    def _origins(self) -> dict[int, str]:
        """Where examples come from, by id; empty where no table says it."""
        if not paths.EXAMPLES.is_file():
            return {}
        table = load_examples(paths.EXAMPLES)
        kept = table.filter(pc.equal(table["split"], "train"))
        return dict(zip(kept["id"].to_pylist(), kept["origin"].to_pylist(), strict=True))

    def row(self, place: int) -> dict[str, Any]:
        """The id; the origin where the table of examples knows it; the label if there is one."""
        number = int(self._ids[place])
        found: dict[str, Any] = {"id": number}
        if number in self._origins:
            found["origin"] = self._origins[number]
        label = NO_LABEL if self._labels is None else int(self._labels[place])
        return found | ({} if label == NO_LABEL else {"label": self._classes[label]})

    def picture(self, place: int) -> Tensor | None:
        """The prepared pixels."""
        return self._inputs[place]

    def nearest_by_pixels(self, query: Tensor, count: int) -> tuple[Tensor, Tensor] | None:
        """The nearest by the cosine of the pixels, compared block by block."""
        flat, cosines, places = query.flatten()[None].float(), [], []
        for first in range(0, len(self._inputs), _BLOCK):
            block = self._inputs[first : first + _BLOCK].flatten(1).float()
            found, rows = nearest(flat, block, count)
            cosines.append(found)
            places.append(rows + first)
        best = torch.cat(cosines, 1).topk(min(count, len(self._inputs)), dim=1)
        return best.values, torch.cat(places, 1).gather(1, best.indices)


def rows(searched: Searched, found: tuple[Tensor, Tensor]) -> list[dict[str, Any]]:
    """What is known of the nearest pictures of one query, with similarities.

    found: their cosines (1, k) and places (1, k).
    """
    cosines, places = (values[0].tolist() for values in found)
    return [
        searched.row(place) | {"similarity": round(cosine, 4)}
        for cosine, place in zip(cosines, places, strict=True)
    ]


def with_pictures(
    searched: Searched, found: tuple[Tensor, Tensor]
) -> list[tuple[dict[str, Any], Tensor | None]]:
    """The rows as `rows` returns them, each with its pixels, or None if they cannot be read."""
    pixels = map(searched.picture, found[1][0].tolist())
    return list(zip(rows(searched, found), pixels, strict=True))
