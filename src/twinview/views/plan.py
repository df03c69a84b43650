"""The plan by which augmented views are rendered.

A view depends on seed, example id and view number only. So the cache and the live renderer hold
the same views, whatever the batch size, the order or the number of workers.
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

# The number of values that are rendered at once. They fit into the processor's cache, and are many
# enough that the time of the calls does not count. Views do not depend on this number.
_VALUES = 2**20

CROP = "random_resized_crop"  # small crops are a smaller kind of it
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
        """The plan of a chain.

        Parameters
        ----------
        seed : the seed of all views.
        names : the chain's augmentations, in order.
        options : the options of each augmentation by its name, with its "probability" among them.
        """
        links = []
        for name in names:
            rest = dict(options[name])
            links.append((name, rest.pop("probability"), rest))
        return cls(seed, tuple(links))

    def renderer(self, modality: Modality) -> "Renderer":
        """The renderer of the plan's views for inputs of the modality."""
        return Renderer(self.seed, modality, self._links())

    def small_renderer(self, modality: Modality, crops: SmallCrops) -> "Renderer":
        """The renderer of small crops: the plan's chain with another crop, never left out.

        Small crops draw other random numbers than views. settings/params.py makes sure that the
        chain has a crop.
        """
        position = [name for name, _, _ in self.chain].index(CROP)
        ratio = self.chain[position][2]["ratio"]

        def crop(x: Tensor, draws: Draws) -> Tensor:
            return warp.crop(x, draws.uniform(4), crops.scale, ratio, crops.side)

        links = self._links()
        links[position] = (1.0, crop)
        return Renderer(randomness.derive_seed(self.seed, "small crops"), modality, links)

    def as_json(self) -> dict[str, Any]:
        """The plan as values that JSON can hold."""
        links = [{"name": n, "probability": p, "options": dict(o)} for n, p, o in self.chain]
        return {"seed": self.seed, "chain": links}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "ViewPlan":
        """The plan whose as_json gave the value."""
        links = ((k["name"], k["probability"], k["options"]) for k in value["chain"])
        return cls(value["seed"], tuple(links))

    def _links(self) -> list[Link]:
        return [
            (p, registry.bind("augmentations", name, options)) for name, p, options in self.chain
        ]


@final
class Renderer:
    """Renders views of stored inputs."""

    def __init__(self, seed: int, modality: Modality, links: Sequence[Link]) -> None:
        self._seed = seed
        self._modality = modality
        _keep_freed_memory()
        self._links = links

    def __call__(self, inputs: Tensor, ids: Tensor, views: Tensor) -> Tensor:
        """One view of each example, as stored: (n, ...), of the part that the modality shows.

        Parameters
        ----------
        inputs : (n, ...) as stored.
        ids, views : (n,) int64, the examples' ids and the numbers of their views.
        """
        chain = Draws.chain(self._seed, ids, views, len(self._links))
        chosen = [
            (draws.uniform() < probability).numpy()
            for draws, (probability, _) in zip(chain, self._links, strict=True)
        ]
        inputs = self._modality.view(inputs, views)
        parts = -(-inputs.numel() // _VALUES) or 1
        size = -(-len(inputs) // parts) or 1
        rendered = []
        for number, part in enumerate(inputs.split(size)):
            x, first = self._modality.unpack(part), number * size
            for (_, augment), draws, is_chosen in zip(self._links, chain, chosen, strict=True):
                x = _augment_chosen(x, augment, draws, first, is_chosen[first : first + size])
            rendered.append(self._modality.pack(x))
        return torch.cat(rendered)


def _keep_freed_memory() -> None:
    """Makes glibc keep freed memory for the next part, where returning it costs page faults."""
    # glibc returns free memory above twice the largest block that was freed so far, up to 32 MB.
    torch.empty(2**25 - 2**12, dtype=torch.uint8)


def _augment_chosen(
    x: Tensor, augment: Callable[..., Tensor], draws: Draws, first: int, chosen: np.ndarray
) -> Tensor:
    """x with its chosen rows augmented. The first row of x has the draws of row `first`."""
    rows = np.flatnonzero(chosen)
    if not len(rows):
        return x
    chosen_draws = draws.select(torch.from_numpy(rows + first))
    if len(rows) == len(x):
        return augment(x, chosen_draws)
    # NumPy copies whole rows; torch's index_copy_ takes two to four times as long.
    augmented = augment(x.index_select(0, torch.from_numpy(rows)), chosen_draws)
    x.numpy()[rows] = augmented.numpy()
    return x
