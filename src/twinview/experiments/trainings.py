"""The metrics of a result over its training seeds: here, at a commit or of a champion."""

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

    note: why there is a single training, although more were measured.
    """

    values: Mapping[str, tuple[float, ...]]
    note: str = ""

    @property
    def count(self) -> int:
        """How many trainings there are."""
        return max(map(len, self.values.values()), default=0)


def trainings(run: RecordedRun) -> Trainings:
    """The metrics of the run, and of its seeds file if that holds the run's results.

    Raises DataError for missing metrics and for broken files.
    """
    metrics = {name: (number(value),) for name, value in flatten(run.metrics).items()}
    if run.seeds_file is None:
        return Trainings(metrics)
    if run.seeds is None:
        return Trainings(metrics, f"{seeds.FILE} {_why_not(run)}")
    over_seeds = run.seeds.metrics
    return Trainings(
        {name: _run_first(values, over_seeds.get(name, values)) for name, values in metrics.items()}
    )


def _why_not(run: RecordedRun) -> str:
    """Why the seeds file does not count: a clause that follows its name."""
    other = deviation(run)
    if other is None:
        return "is of other trainings"
    return f"holds other results of this training, of {other.reference.hardware} or of other code"


def number(value: Any) -> float:
    """The value of a JSON file as a number; NaN if it is no number."""
    return float(value) if type(value) in (int, float) else math.nan


def _run_first(run: tuple[float, ...], values: tuple[float, ...]) -> tuple[float, ...]:
    """The values over the seeds, with the value of the run in front."""
    index = values.index(run[0])
    return (*run, *values[:index], *values[index + 1 :])
