"""Metrics of a result over its training seeds, here, at a commit or of a champion."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from twinview.core.files import flatten
from twinview.experiments import seeds
from twinview.experiments.deviation import deviation
from twinview.experiments.recorded_run import RecordedRun


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


def trainings(run: RecordedRun) -> Trainings:
    """What the run's metrics say, and its seeds file where that is of the same results.

    Raises DataError where there are no metrics, or broken files.
    """
    own = {name: (number(value),) for name, value in flatten(run.metrics).items()}
    if run.seeds_file is None:
        return Trainings(own)
    if run.seeds is None:
        return Trainings(own, f"{seeds.FILE} {_why_not(run)}")
    known = run.seeds.metrics
    return Trainings({name: _first(one, known.get(name, one)) for name, one in own.items()})


def _why_not(run: RecordedRun) -> str:
    """Why the seeds file does not speak for the results."""
    other = deviation(run)
    if other is None:
        return "is of other trainings"
    return f"holds other results of this training, of {other.reference.hardware} or of other code"


def number(value: Any) -> float:
    """A number of a JSON file; NaN for what is none."""
    return float(value) if type(value) in (int, float) else math.nan


def _first(own: tuple[float, ...], values: tuple[float, ...]) -> tuple[float, ...]:
    """The values, the run's own before the others."""
    place = values.index(own[0])
    return (*own, *values[:place], *values[place + 1 :])
