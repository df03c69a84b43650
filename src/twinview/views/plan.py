"""Augmented views: the plan by which they are rendered.

A view depends on (seed, example id, view number) and on nothing else, so the cache and the live
renderer hold the same views, whatever the batch size, the order or the number of workers.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import torch
from torch import Tensor

from twinview.core import randomness, registry
from twinview.core.randomness import Draws
from twinview.core.types import Modality
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
    def from_options(
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
        return Renderer(randomness.derive_seed(self.seed, "small crops"), modality, links)

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
    own = draws.select(torch.from_numpy(rows + first))
    if len(rows) == len(x):
        return augment(x, own)
    # NumPy copies whole rows; torch's index_copy_ takes two to four times as long.
    x.numpy()[rows] = augment(x.index_select(0, torch.from_numpy(rows)), own).numpy()
    return x
