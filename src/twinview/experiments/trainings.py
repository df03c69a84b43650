"""Metrics of a result over its training seeds, here, at a commit or of a champion."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from twinview.core import paths
from twinview.core.files import flatten
from twinview.experiments import seeding
from twinview.experiments.dvc_experiments import Read


@dataclass(frozen=True)
class Trainings:
    """A metric's values, one for each training seed; the training in reports/metrics.json is first.

    note: why it is one training only, where more were measured.
    """

    values: Mapping[str, tuple[float, ...]]
    note: str = ""

    @property
    def count(self) -> int:
        """How many trainings there are."""
        return max(map(len, self.values.values()), default=0)


def trainings(read: Read) -> Trainings:
    """What reports/metrics.json says, and reports/seeds.json where it is of the same results.

    read: see experiments.in_folder and experiments.at. Raises DataError where there are no
    metrics, or broken files.
    """
    own = flatten(seeding.mapping(read, paths.METRICS))
    alone = {name: (number(value),) for name, value in own.items()}
    if seeding.load(read) is None:
        return Trainings(alone)
    found = seeding.fitting(read)
    if found is None:
        return Trainings(alone, f"{seeding.FILE} {_why_not(read)}")
    return Trainings(
        {name: own + _others(own, found.metrics.get(name, own)) for name, own in alone.items()}
    )


def _why_not(read: Read) -> str:
    """Why reports/seeds.json does not speak for the results."""
    other = seeding.deviation(read)
    if other is None:
        return "is of other trainings"
    return f"holds other results of this training, of {other.known.hardware} or of other code"


def number(value: Any) -> float:
    """A number of a JSON file; NaN for what is none."""
    return float(value) if type(value) in (int, float) else math.nan


def _others(own: tuple[float, ...], values: tuple[float, ...]) -> tuple[float, ...]:
    place = values.index(own[0])
    return values[:place] + values[place + 1 :]
