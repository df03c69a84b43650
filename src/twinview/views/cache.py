"""The view cache: K views of every example, rendered once into memory-mapped, checked shards."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from torch import Tensor

from twinview.core import files
from twinview.core.errors import DataError
from twinview.core.randomness import Draws
from twinview.core.types import Modality, Split
from twinview.views.live import LiveViews, Views
from twinview.views.plan import Renderer, ViewPlan

INDEX = "index.json"
_ORDER = -1  # the position, outside of every chain, whose draws choose an epoch's cached views
# Deleting the folder is not enough: an edited file may be a link to DVC's own copy of it.
_REMEDY = "`twinview clean views`, then `dvc repro`, makes the cache anew"
_ROWS = 2048  # examples between two steps of the progress bar; views do not depend on it


def cache_bytes(split: Split, count: int) -> int:
    """The most bytes of a cache with `count` views of every example of the split."""
    return split.inputs[0].numel() * split.inputs.element_size() * len(split) * count


def write_cache(
    folder: Path, split: Split, plan: ViewPlan, modality: Modality, count: int, shard_bytes: int
) -> Iterator[int]:
    """Renders `count` views of every example into a folder; yields how many more views are done.

    The folder appears when the generator ends. Its index has the checksum of every shard.

    Parameters
    ----------
    folder : where the cache is written.
    split : the examples.
    plan : the views' seed and chain of augmentations.
    modality : that of the examples.
    count : the number of views of each example.
    shard_bytes : a shard is at most as large, unless a single example is larger.

    Raises
    ------
    BusyError : the disk has not enough space.
    """
    remedy = "make room, or lower views.cached.count, or set views.mode to live"
    files.require_disk_space(folder.parent, cache_bytes(split, count), remedy)
    render = plan.renderer(modality)
    per_shard = max(1, shard_bytes // cache_bytes(split.take(torch.arange(1)), count))
    with files.atomic_folder(folder) as temporary:
        shards = []
        for number, rows in enumerate(torch.arange(len(split)).split(per_shard)):
            part = split.take(rows)
            # A view may show a part of an example, as of texts one companion.
            shape = render(part.inputs[:1], part.ids[:1], torch.zeros_like(part.ids[:1])).shape[1:]
            views = np.empty((len(rows), count, *shape), part.inputs.numpy().dtype)
            yield from _fill(views, part, render)
            path = temporary / f"views-{number:05d}.npy"
            np.save(path, views)
            shards.append({"file": path.name, "sha256": files.sha256(path)})
        index = {"mode": "cached", "plan": plan.as_json(), "ids": ids_digest(split)}
        files.save_json(temporary / INDEX, index | {"count": count, "shards": shards})


def _fill(views: np.ndarray, split: Split, render: Renderer) -> Iterator[int]:
    """Renders all views (n, K, ...) of the split's examples; yields how many more are done."""
    for first in range(0, len(split), _ROWS):
        rows = slice(first, first + _ROWS)
        for view in range(views.shape[1]):
            numbers = torch.full_like(split.ids[rows], view)
            views[rows, view] = render(split.inputs[rows], split.ids[rows], numbers).numpy()
        yield views[rows].shape[0] * views.shape[1]


def write_live(folder: Path, plan: ViewPlan) -> None:
    """Writes the plan only; the training loop renders views by it."""
    with files.atomic_folder(folder) as temporary:
        files.save_json(temporary / INDEX, {"mode": "live", "plan": plan.as_json()})


def read_plan(folder: Path) -> ViewPlan:
    """The plan by which the views of a folder are rendered."""
    return ViewPlan.from_json(files.load_json(folder / INDEX)["plan"])


def open_views(folder: Path, split: Split, modality: Modality) -> Views:
    """The views of the split that the folder holds or, in live mode, describes.

    Raises DataError when a shard is missing, truncated or edited, or when the cache was made of
    another split.
    """
    index = files.load_json(folder / INDEX)
    plan = ViewPlan.from_json(index["plan"])
    if index["mode"] == "live":
        return LiveViews(plan.renderer(modality), split)
    if index["ids"] != ids_digest(split):
        raise DataError.at(folder, "holds views of other examples", _REMEDY)
    shards = [_open_shard(folder, s["file"], s["sha256"]) for s in index["shards"]]
    return CachedViews(shards, split.ids, plan.seed)


def ids_digest(split: Split) -> str:
    """A checksum of the split's ids in their order."""
    return hashlib.sha256(split.ids.numpy().tobytes()).hexdigest()


def _open_shard(folder: Path, name: str, expected: str) -> np.ndarray:
    path = folder / name
    if path.name != name:
        outside = f"names {name}, which is no file of its folder"
        raise DataError.at(folder / INDEX, outside, _REMEDY)
    if not path.is_file():
        raise DataError.at(path, "is missing", _REMEDY)
    if files.sha256(path) != expected:
        edited = "is truncated or edited: its checksum is not the index's"
        raise DataError.at(path, edited, _REMEDY)
    try:
        shard: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
    except ValueError as error:
        raise DataError.at(path, f"holds no plain numbers ({error})", _REMEDY) from None
    return shard


def _read_ahead(shard: np.ndarray, positions: np.ndarray, chosen: np.ndarray) -> None:
    """Asks the system to read all these views of a mapped shard from the disk at once."""
    if not isinstance(shard, np.memmap):
        return
    row, view = shard.strides[:2]
    with Path(str(shard.filename)).open("rb") as file:
        for start in positions * row + chosen * view + shard.offset:
            os.posix_fadvise(file.fileno(), start, view, os.POSIX_FADV_WILLNEED)


@final
class CachedViews(Views):
    """K views of each example, read from memory-mapped shards.

    Each example takes its K views in a random order of its own, `count` of them in an epoch. When
    all are used, it takes them in a new order.
    """

    def __init__(self, shards: Sequence[np.ndarray], ids: Tensor, seed: int) -> None:
        self.shards = shards
        self._ids = ids
        self._seed = seed
        self._per_shard = len(shards[0])
        self.count: int = shards[0].shape[1]

    def take(self, rows: Tensor, epoch: int, count: int) -> Tensor:
        """The next `count` views in each example's order: (count, n, ...)."""
        taken = np.empty((count, rows.shape[-1], *self.shards[0].shape[2:]), self.shards[0].dtype)
        parts = list(self._by_shard(rows, epoch, count))
        for number, _, positions, chosen in parts:
            _read_ahead(self.shards[number], positions, chosen)
        for number, places, positions, chosen in parts:
            taken[places] = self.shards[number][positions, chosen]
        return torch.from_numpy(taken)

    def _by_shard(
        self, rows: Tensor, epoch: int, count: int
    ) -> Iterator[tuple[int, tuple[Any, ...], np.ndarray, np.ndarray]]:
        """For each shard that has some of the views: its number, their places, and what they are.

        places: which view of which row of the result. The other two are the positions in the shard,
        of the example and of its view.
        """
        if self.count % count:
            raise DataError(f"{self.count} cached views cannot be taken {count} at a time")
        cycle, turn = divmod(epoch, self.count // count)
        chosen = np.stack(
            [
                self._orders(part, cycle)[:, turn * count + view]
                for view, part in enumerate(rows.expand(count, -1))
            ]
        )
        numbers, positions = np.divmod(rows.expand(count, -1).numpy(), self._per_shard)
        for number in np.unique(numbers):
            places = np.nonzero(numbers == number)
            yield number, places, positions[places], chosen[places]

    def _orders(self, rows: Tensor, cycle: int) -> np.ndarray:
        """The order (n, K) in which each row takes its views in a cycle of K views."""
        cycles = torch.full_like(rows, cycle)
        draws = Draws.for_examples(self._seed, self._ids[rows], cycles, _ORDER)
        return draws.permutation(self.count).numpy()
