"""Augmented views: the plan by which they are rendered, and how the training loop gets them.

A view depends on (seed, example id, view number) and on nothing else, so the cache and the live
renderer hold the same views, whatever the batch size, the order or the number of workers.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import torch
from torch import Tensor

from twinview.core import randomness, registry
from twinview.core.randomness import Draws
from twinview.core.types import Modality, Pairs, Split
from twinview.pictures import warp
from twinview.settings.sections import SmallCrops

# Values rendered at once: few enough for the cache, enough to outweigh a thousand calls of some
# microseconds. Views do not depend on it.
_VALUES = 2**20

CROP = "random_resized_crop"  # what small crops are a smaller kind of
Link = tuple[float, Callable[..., Tensor]]


@dataclass(frozen=True)
class ViewPlan:
    """A seed and a chain of augmentations, each with its probability and its options."""

    seed: int
    chain: tuple[tuple[str, float, Mapping[str, Any]], ...]

    @classmethod
    def of(
        cls, seed: int, names: Sequence[str], options: Mapping[str, Mapping[str, Any]]
    ) -> "ViewPlan":
        """names: the chain, in order. options: each name's probability and options."""
        links = []
        for name in names:
            own = dict(options[name])
            links.append((name, own.pop("probability"), own))
        return cls(seed, tuple(links))

    def renderer(self, modality: Modality) -> "Renderer":
        """The plan's function, its augmentations bound once."""
        return Renderer(self.seed, modality, self._links())

    def small_renderer(self, modality: Modality, crops: SmallCrops) -> "Renderer":
        """The same for small crops: the chain with another crop, which is never left out.

        Their draws are apart from those of all views. params.py sees to it that there is a crop.
        """
        place = [name for name, _, _ in self.chain].index(CROP)
        ratio = self.chain[place][2]["ratio"]

        def crop(x: Tensor, draws: Draws) -> Tensor:
            return warp.crop(x, draws.uniform(4), crops.scale, ratio, crops.size)

        links = self._links()
        links[place] = (1.0, crop)
        return Renderer(randomness.derived(self.seed, "small crops"), modality, links)

    def as_json(self) -> dict[str, Any]:
        """The plan as plain values, for an index file."""
        links = [{"name": n, "probability": p, "options": dict(o)} for n, p, o in self.chain]
        return {"seed": self.seed, "chain": links}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "ViewPlan":
        """The plan that as_json gave."""
        links = ((k["name"], k["probability"], k["options"]) for k in value["chain"])
        return cls(value["seed"], tuple(links))

    def _links(self) -> list[Link]:
        return [(p, registry.bind("augmentations", name, own)) for name, p, own in self.chain]


@final
class Renderer:
    """Renders views: call it with stored inputs, ids and view numbers."""

    def __init__(self, seed: int, modality: Modality, links: Sequence[Link]) -> None:
        self._seed = seed
        self._modality = modality
        _keep_freed_memory()
        self._links = links

    def __call__(self, inputs: Tensor, ids: Tensor, views: Tensor) -> Tensor:
        """One view an example. inputs: (n, ...) as stored; ids, views: (n,) int64."""
        chain = Draws.chain(self._seed, ids, views, len(self._links))
        chosen = [
            (draws.uniform() < probability).numpy()
            for draws, (probability, _) in zip(chain, self._links, strict=True)
        ]
        parts = -(-inputs.numel() // _VALUES) or 1
        size = -(-len(inputs) // parts) or 1
        seen = []
        for number, part in enumerate(inputs.split(size)):
            x, first = self._modality.unpack(part), number * size
            for (_, augment), draws, mine in zip(self._links, chain, chosen, strict=True):
                x = _change(x, augment, draws, first, mine[first : first + size])
            seen.append(self._modality.pack(x))
        return torch.cat(seen)


def _keep_freed_memory() -> None:
    """Has the C library keep what is freed for the next part, where that would cost page faults."""
    # glibc returns free memory above twice the largest block that it saw freed, up to 32 MB.
    torch.empty(2**25 - 2**12, dtype=torch.uint8)


def _change(
    x: Tensor, augment: Callable[..., Tensor], draws: Draws, first: int, chosen: np.ndarray
) -> Tensor:
    """x, its chosen rows augmented; x's first row is row `first` of draws."""
    rows = np.flatnonzero(chosen)
    if not len(rows):
        return x
    own = draws.rows(torch.from_numpy(rows + first))
    if len(rows) == len(x):
        return augment(x, own)
    # NumPy copies whole rows; torch's index_copy_ takes two to four times as long.
    x.numpy()[rows] = augment(x.index_select(0, torch.from_numpy(rows)), own).numpy()
    return x


class Views(ABC):
    """Gives each epoch its views of each example.

    small: (rows, epoch) to small crops (s, n, ...), as stored, for a method that wants some.
    """

    small: Callable[[Tensor, int], Tensor] | None = None

    @abstractmethod
    def take(self, rows: Tensor, epoch: int, count: int) -> Tensor:
        """(count, n, ...) as stored: `count` views of the split's rows, for the given epoch."""

    def expect(self, rows: Tensor, epoch: int, count: int) -> None:  # noqa: B027 - a hint that views may ignore
        """Told what is taken next, while the training is at work on what was taken last."""


@final
class LiveViews(Views):
    """Views rendered when they are asked for, new ones in every epoch."""

    def __init__(self, render: Renderer, split: Split) -> None:
        self._render = render
        self._split = split

    def take(self, rows: Tensor, epoch: int, count: int) -> Tensor:
        """View numbers epoch * count and on."""
        part = self._split.take(rows)
        numbers = [torch.full_like(rows, epoch * count + view) for view in range(count)]
        return torch.stack([self._render(part.inputs, part.ids, view) for view in numbers])


@final
class PairViews(Views):
    """The views of labelled pairs: the first view of the first example, the second of the second.

    So a pair of one example with itself has two different views of it.
    """

    def __init__(self, views: Views, pairs: Pairs) -> None:
        self._views = views
        self._pairs = pairs

    def take(self, rows: Tensor, epoch: int, count: int) -> Tensor:
        """rows: of the pairs. count: two."""
        assert count == 2, "a pair has two views"
        taken = [self._views.take(own, epoch, 2)[view] for view, own in enumerate(self._both(rows))]
        return torch.stack(taken)

    def expect(self, rows: Tensor, epoch: int, count: int) -> None:
        """rows: of the pairs."""
        self._views.expect(torch.cat(self._both(rows)), epoch, count)

    def _both(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        return self._pairs.first[rows], self._pairs.second[rows]
