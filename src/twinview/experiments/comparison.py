"""Groups of runs beside each other: which is best, and which cannot be told apart from it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from twinview.experiments.group import Group
from twinview.experiments.intervals import Difference, difference, holm
from twinview.experiments.metric_names import RAW, SUPERVISED, of_baseline, validation_of
from twinview.experiments.question import Differences
from twinview.experiments.recorded_run import RecordedRun

REFERENCES = (SUPERVISED, RAW)  # baselines that stand beside all groups

Standing = Literal["best", "tied", "unsure", "less", "more", "absent"]


@dataclass(frozen=True)
class DifferenceToBest:
    """A group beside the best of a metric. p: corrected for the number of comparisons (Holm)."""

    group: Group
    difference: Difference
    p: float | None

    @property
    def significant(self) -> bool | None:
        """Whether the two can be told apart; None: one of them has a single seed."""
        return None if self.p is None else self.p < 0.05


@dataclass(frozen=True)
class Comparison:
    """The groups of runs that were asked the same; the best of the first metric is the first group.

    Parameters
    ----------
    groups, metrics
        The groups, and the metrics that one of their runs has.
    differing, common
        The settings that differ between groups, and those that are equal in all.
    changed
        The files of code that are not the same everywhere.
    lacking
        Metrics that only runs of other parts have.
    heading, differences
        What tells this part from the others, empty where it is the only one: in words, and as what
        was asked here beside what was asked in the first part.
    other_outs
        The hashes of what runs of other parts keep.
    """

    groups: tuple[Group, ...]
    differing: tuple[str, ...]
    common: Mapping[str, Any]
    metrics: tuple[str, ...]
    changed: tuple[str, ...]
    missing_metrics: tuple[str, ...] = ()
    heading: str = ""
    differences: Differences = field(default_factory=dict)
    other_outs: frozenset[str] = frozenset()

    def best(self, metric: str) -> Group:
        """The group of the highest mean on validation; on test, where a run has no other."""
        picking = self.selection_metric(metric)
        return max(self._measured(metric), key=lambda group: group.mean(picking))

    def selection_metric(self, metric: str) -> str:
        """The metric whose mean picks the best of a metric."""
        return metric if self._unvalidated(metric) else validation_of(metric)

    def describe_selection(self, metric: str) -> str:
        """By what the best of a metric is picked, in words."""
        if not (lacking := self._unvalidated(metric)):
            return "picked on validation"
        runs = [run for group in self._measured(metric) for run in group.runs]
        which = "these runs" if len(lacking) == len(runs) else f"{len(lacking)} of {len(runs)} runs"
        return f"picked on test: {which} have no validation numbers"

    def against_best(self, metric: str) -> list[DifferenceToBest]:
        """Every other group that has the metric, the nearest to the best first."""
        best = self.best(metric)
        others = [group for group in self._measured(metric) if group is not best]
        others.sort(key=lambda group: -group.mean(metric))
        found = [difference(group.values(metric), best.values(metric)) for group in others]
        raised = iter(holm([one.p for one in found if one.p is not None]))
        chances = [None if one.p is None else next(raised) for one in found]
        return [DifferenceToBest(*row) for row in zip(others, found, chances, strict=True)]

    def standing(self, group: Group, metric: str) -> Standing:
        """How a group stands to the best of a metric, if it has that."""
        if not group.values(metric):
            return "absent"
        if group is self.best(metric):
            return "best"
        one = next(one for one in self.against_best(metric) if one.group is group)
        if one.significant is None:
            return "unsure"
        return ("more" if one.difference.mean > 0 else "less") if one.significant else "tied"

    def tied(self, metric: str) -> list[Group]:
        """The groups that cannot be told apart from the best."""
        return [one.group for one in self.against_best(metric) if one.significant is False]

    def unsure(self, metric: str) -> list[Group]:
        """The groups of which nothing can be said beside the best, for want of seeds."""
        return [one.group for one in self.against_best(metric) if one.significant is None]

    def higher_on_test(self, metric: str) -> list[Group]:
        """The groups that are told apart from the best, and higher on test."""
        return [group for group in self.groups if self.standing(group, metric) == "more"]

    def unshared_bytes(self, group: Group) -> int:
        """The bytes of outs that no other group has, of any part."""
        others = {key for other in self.groups if other is not group for key in other.outs}
        others |= self.other_outs
        return sum(size for key, size in group.outs.items() if key not in others)

    def references(self, metric: str) -> dict[str, float]:
        """Baselines that are the same beside all groups, to three digits."""
        found = {}
        for name in REFERENCES:
            beside = [group.interval(of_baseline(name, metric)) for group in self.groups]
            means = {round(one.mean, 3) if one else None for one in beside}
            if len(means) == 1 and (mean := means.pop()) is not None:
                found[name] = mean
        return found

    def _measured(self, metric: str) -> list[Group]:
        return [group for group in self.groups if group.values(metric)]

    def _unvalidated(self, metric: str) -> list[RecordedRun]:
        """The runs that have the metric, and no accuracy on validation beside it."""
        runs = [run for group in self.groups for run in group.runs if metric in run.results]
        return [run for run in runs if validation_of(metric) not in run.results]
