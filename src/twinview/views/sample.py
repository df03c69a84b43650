"""Two views of random examples, for tasks that measure whether views of an example stay together.

They are rendered by the chain of the training, from examples that it has not seen.
"""

from pathlib import Path
from typing import final

import torch
from torch import Tensor

from twinview.core import files, randomness, registry
from twinview.core.errors import DataError
from twinview.core.types import Modality
from twinview.data import splits
from twinview.views.cache import read_plan
from twinview.views.live import LiveViews


@final
class SampledViews:
    """Renders views of prepared data; a split is loaded, without its labels, when it is asked for.

    Parameters
    ----------
    prepared : the folder of the prepared data.
    views : the folder of the plan by which views are rendered.
    """

    def __init__(self, prepared: Path, views: Path) -> None:
        self._folder = prepared
        self._views = views

    @property
    def modality(self) -> Modality:
        """The modality of the data."""
        name = files.load_json(self._folder / splits.INDEX)["modality"]
        modality: Modality = registry.bind("modalities", name, {})()
        return modality

    def take(self, split: str, count: int, seed: int) -> Tensor:
        """Two views of random examples of a split, as stored: (2, count, ...).

        count : the number of examples; a split with fewer gives all of them. seed : chooses them.
        The views are those with the numbers 0 and 1.
        """
        part = splits.load_inputs(self._folder, split)
        generator = randomness.generator(seed, "view sample")
        rows = torch.randperm(len(part), generator=generator)[:count].sort().values
        render = read_plan(self._views).renderer(self.modality)
        return LiveViews(render, part).take(rows, 0, 2)

    def take_companions(
        self, split: str, count: int, seed: int, companions: tuple[int, int]
    ) -> Tensor:
        """Two companions of random examples of texts that have both: (2, count, 1, length).

        Parameters
        ----------
        split, count, seed : as in take.
        companions : their numbers, from 0.

        Raises
        ------
        DataError : hardly any example has both.
        """
        inputs = splits.load_inputs(self._folder, split).inputs
        place = f"companions {companions[0]} and {companions[1]} of {split}"
        if max(companions) >= inputs.shape[1]:
            raise DataError.at(place, f"are asked for, of {inputs.shape[1]}", "name others")
        pair = inputs[:, list(companions)]
        able = (pair != 0).any(2).all(1).nonzero().squeeze(1)
        if len(able) < 2:
            raise DataError.at(
                place,
                f"are there together in {len(able)} examples, and two are needed",
                "take the task retrieval out of evaluate.tasks, or name other companions",
            )
        generator = randomness.generator(seed, "companion sample")
        rows = able[torch.randperm(len(able), generator=generator)[:count].sort().values]
        return pair[rows].transpose(0, 1).unsqueeze(2)
