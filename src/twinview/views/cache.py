"""The view cache: K views of every example, rendered once into memory-mapped, checked shards."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import final

import numpy as np
import torch
from torch import Tensor

from twinview.core import files
from twinview.core.errors import DataError
from twinview.core.randomness import Draws
from twinview.core.types import Modality, Split
from twinview.views.live import LiveViews, Views
from twinview.views.plan import ViewPlan

INDEX = "index.json"
_ORDER = -1  # the place, in no chain, whose draws say which cached views an epoch takes
# Deleting the folder may not do: a file that was edited in place is DVC's own copy too.
_ANEW = "`twinview clean views`, then `dvc repro`, makes the cache anew"
_ROWS = 2048  # examples between two notes of progress; views do not depend on it


def cache_bytes(split: Split, count: int) -> int:
    """The size of a cache with `count` views of every example of split."""
    return split.inputs[0].numel() * split.inputs.element_size() * len(split) * count


def write_cache(
    folder: Path, split: Split, plan: ViewPlan, modality: Modality, count: int, shard_bytes: int
) -> Iterator[int]:
    """Renders `count` views of every example into folder; yields how many more are done.

    The folder appears when all is written and the generator ends, with an index that has the
    checksum of every shard.
    Raises BusyError when the disk has no room.
    """
    files.require_disk_space(folder.parent, cache_bytes(split, count))
    render = plan.renderer(modality)
    per_shard = max(1, shard_bytes // cache_bytes(split.take(torch.arange(1)), count))
    with files.atomic_folder(folder) as temporary:
        shards = []
        for number, rows in enumerate(torch.arange(len(split)).split(per_shard)):
            part = split.take(rows)
            views = np.empty((len(rows), count, *part.inputs.shape[1:]), part.inputs.numpy().dtype)
            for first in range(0, len(rows), _ROWS):
                some = slice(first, first + _ROWS)
                for view in range(count):
                    numbers = torch.full_like(part.ids[some], view)
                    rendered = render(part.inputs[some], part.ids[some], numbers)
                    views[some, view] = rendered.numpy()
                yield len(views[some]) * count
            path = temporary / f"views-{number:05d}.npy"
            np.save(path, views)
            shards.append({"file": path.name, "sha256": files.sha256(path)})
        index = {"mode": "cached", "plan": plan.as_json(), "ids": ids_digest(split)}
        files.save_json(temporary / INDEX, index | {"count": count, "shards": shards})


def write_live(folder: Path, plan: ViewPlan) -> None:
    """Writes the plan alone: the training loop renders by it."""
    with files.atomic_folder(folder) as temporary:
        files.save_json(temporary / INDEX, {"mode": "live", "plan": plan.as_json()})


def read_plan(folder: Path) -> ViewPlan:
    """The plan by which a folder's views are rendered."""
    return ViewPlan.from_json(files.load_json(folder / INDEX)["plan"])


def open_views(folder: Path, split: Split, modality: Modality) -> Views:
    """The views of split that folder holds or, in live mode, describes.

    Raises DataError when a shard is missing, truncated or edited, or when the cache was made of
    another split.
    """
    index = files.load_json(folder / INDEX)
    plan = ViewPlan.from_json(index["plan"])
    if index["mode"] == "live":
        return LiveViews(plan.renderer(modality), split)
    if index["ids"] != ids_digest(split):
        raise DataError(f"{folder} holds views of other examples; {_ANEW}")
    shards = [_open_shard(folder, s["file"], s["sha256"]) for s in index["shards"]]
    return CachedViews(shards, split.ids, plan.seed)


def ids_digest(split: Split) -> str:
    """A checksum of the split's ids, in order."""
    return hashlib.sha256(split.ids.numpy().tobytes()).hexdigest()


def _open_shard(folder: Path, name: str, expected: str) -> np.ndarray:
    path = folder / name
    if path.name != name:
        raise DataError(f"{folder / INDEX} names {name}, which is no file of its folder")
    if not path.is_file():
        raise DataError(f"{path} is missing; {_ANEW}")
    if files.sha256(path) != expected:
        raise DataError(f"{path} is truncated or edited: its checksum is not the index's; {_ANEW}")
    try:
        shard: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
    except ValueError as error:
        raise DataError(f"{path} holds no plain numbers ({error}); {_ANEW}") from None
    return shard


@final
class CachedViews(Views):
    """K views an example, read from memory-mapped shards.

    Each example takes its K views in a random order of its own, `count` an epoch; when they are
    used up, in another order.
    """

    def __init__(self, shards: Sequence[np.ndarray], ids: Tensor, seed: int) -> None:
        self.shards = shards
        self._ids = ids
        self._seed = seed
        self._per_shard = len(shards[0])
        self.count: int = shards[0].shape[1]

    def take(self, rows: Tensor, epoch: int, count: int) -> Tensor:
        """The next `count` views in each example's order."""
        taken = np.empty((count, len(rows), *self.shards[0].shape[2:]), self.shards[0].dtype)
        for owner, mine, places, chosen in self._places(rows, epoch, count):
            for view in range(count):
                taken[view, mine] = self.shards[owner][places, chosen[:, view]]
        return torch.from_numpy(taken)

    def prefetch(self, rows: Tensor, epoch: int, count: int) -> None:
        """Has the system read from the disk, meanwhile, what is not in memory."""
        for owner, _, places, chosen in self._places(rows, epoch, count):
            shard = self.shards[owner]
            if isinstance(shard, np.memmap):
                row, view = shard.strides[:2]
                with Path(str(shard.filename)).open("rb") as file:
                    for start in (places[:, None] * row + chosen * view + shard.offset).ravel():
                        os.posix_fadvise(file.fileno(), start, view, os.POSIX_FADV_WILLNEED)

    def _places(
        self, rows: Tensor, epoch: int, count: int
    ) -> Iterator[tuple[int, np.ndarray, np.ndarray, np.ndarray]]:
        """Of each shard that has some of the rows: which of them, where, and their views there."""
        if self.count % count:
            raise DataError(f"{self.count} cached views cannot be taken {count} at a time")
        cycle, place = divmod(epoch, self.count // count)
        draws = Draws.for_examples(
            self._seed, self._ids[rows], torch.full_like(rows, cycle), _ORDER
        )
        chosen = draws.permutation(self.count)[:, place * count : (place + 1) * count].numpy()
        owners, places = np.divmod(rows.numpy(), self._per_shard)
        for owner in np.unique(owners):
            mine = np.flatnonzero(owners == owner)
            yield owner, mine, places[mine], chosen[mine]
