"""A group of runs: one training over several seeds, with its means and costs."""

import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from twinview.experiments.differences import format_value
from twinview.experiments.intervals import Interval, interval
from twinview.experiments.recorded_run import RecordedRun


@dataclass(frozen=True)
class Group:
    """Runs that differ in their seeds only.

    label: the settings that distinguish the group from the others. shortened: whether the label has
    only some of them; `full_label` has all.
    """

    label: str
    differing: Mapping[str, Any]
    runs: tuple[RecordedRun, ...]
    shortened: bool = False

    @property
    def full_label(self) -> str:
        """All settings that distinguish the group from the others, by full names."""
        return ", ".join(f"{key} {format_value(value)}" for key, value in self.differing.items())

    @property
    def seeds(self) -> list[int]:
        """The training seeds, each once."""
        return sorted({run.seed for run in self.runs})

    @property
    def verdicts(self) -> list[str]:
        """The different verdicts on the trainings."""
        return sorted({run.verdict for run in self.runs})

    @property
    def minutes(self) -> float | None:
        """The mean duration of the trainings; None if DVC's cache holds none of them."""
        known = [run.minutes for run in self.runs if run.minutes is not None]
        return statistics.fmean(known) if known else None

    @property
    def outs(self) -> dict[str, int]:
        """The bytes of the runs' outs by hash, so that each content counts once."""
        return {key: size for run in self.runs for key, size in run.outs.items()}

    def values(self, metric: str) -> dict[int, float]:
        """A metric's values by seed; empty if no run has the metric.

        A seed that was trained twice counts once, by its mean.
        """
        by_seed: dict[int, list[float]] = {}
        for run in self.runs:
            if metric in run.results:
                by_seed.setdefault(run.seed, []).append(run.results[metric])
        return {seed: statistics.fmean(by_seed[seed]) for seed in sorted(by_seed)}

    def mean(self, metric: str) -> float:
        """The mean over the seeds of a metric that was measured."""
        return statistics.fmean(self.values(metric).values())

    def interval(self, metric: str) -> Interval | None:
        """The mean with its interval over the seeds; None if no run has the metric."""
        values = self.values(metric)
        return interval(list(values.values())) if values else None
