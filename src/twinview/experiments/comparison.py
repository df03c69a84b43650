"""Groups of runs beside each other: which is best, and which cannot be told apart from it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from twinview.experiments.group import Group
from twinview.experiments.intervals import Difference, difference, holm
from twinview.experiments.metric_names import RAW, SUPERVISED, Metric, of_baseline
from twinview.experiments.question import Differences
from twinview.experiments.recorded_run import RecordedRun

REFERENCES = (SUPERVISED, RAW)  # baselines that stand beside all groups

Standing = Literal["best", "tied", "unsure", "less", "more", "absent"]


@dataclass(frozen=True)
class Against:
    """A group beside the best of a metric. p: corrected for the number of comparisons (Holm)."""

    group: Group
    difference: Difference
    p: float | None

    @property
    def apart(self) -> bool | None:
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
    elsewhere
        The hashes of what runs of other parts keep.
    """

    groups: tuple[Group, ...]
    differing: tuple[str, ...]
    common: Mapping[str, Any]
    metrics: tuple[str, ...]
    changed: tuple[str, ...]
    lacking: tuple[str, ...] = ()
    heading: str = ""
    differences: Differences = field(default_factory=dict)
    elsewhere: frozenset[str] = frozenset()

    @cached_property
    def named(self) -> dict[str, Metric]:
        """What the metrics of its runs are, by dotted name; those know best that DVC's cache has.

        A run that is there without its evaluation knows names alone.
        """
        runs = [run for group in self.groups for run in group.runs]
        found = [pair for run in runs for pair in run.named.items()]
        return dict(sorted(found, key=lambda pair: bool(pair[1].entry.task)))

    def best(self, metric: str) -> Group:
        """The group of the highest mean on validation; on test, where a run has no other."""
        picking = self.picking(metric)
        return max(self._measured(metric), key=lambda group: group.mean(picking))

    def picking(self, metric: str) -> str:
        """The metric whose mean picks the best of a metric."""
        return metric if self._unvalidated(metric) else self.named[metric].validation

    def picked(self, metric: str) -> str:
        """By what the best of a metric is picked, in words."""
        if not (lacking := self._unvalidated(metric)):
            return "picked on validation"
        runs = [run for group in self._measured(metric) for run in group.runs]
        which = "these runs" if len(lacking) == len(runs) else f"{len(lacking)} of {len(runs)} runs"
        return f"picked on test: {which} have no validation numbers"

    def against_best(self, metric: str) -> list[Against]:
        """Every other group that has the metric, the nearest to the best first."""
        best = self.best(metric)
        others = [group for group in self._measured(metric) if group is not best]
        others.sort(key=lambda group: -group.mean(metric))
        found = [difference(group.values(metric), best.values(metric)) for group in others]
        raised = iter(holm([one.p for one in found if one.p is not None]))
        chances = [None if one.p is None else next(raised) for one in found]
        return [Against(*row) for row in zip(others, found, chances, strict=True)]

    def standing(self, group: Group, metric: str) -> Standing:
        """How a group stands to the best of a metric, if it has that."""
        if not group.values(metric):
            return "absent"
        if group is self.best(metric):
            return "best"
        one = next(one for one in self.against_best(metric) if one.group is group)
        if one.apart is None:
            return "unsure"
        return ("more" if one.difference.mean > 0 else "less") if one.apart else "tied"

    def tied(self, metric: str) -> list[Group]:
        """The groups that cannot be told apart from the best."""
        return [one.group for one in self.against_best(metric) if one.apart is False]

    def unsure(self, metric: str) -> list[Group]:
        """The groups of which nothing can be said beside the best, for want of seeds."""
        return [one.group for one in self.against_best(metric) if one.apart is None]

    def above(self, metric: str) -> list[Group]:
        """The groups that are told apart from the best, and higher on test."""
        return [group for group in self.groups if self.standing(group, metric) == "more"]

    def own_bytes(self, group: Group) -> int:
        """The bytes of outs that no other group has, of any part."""
        others = {key for other in self.groups if other is not group for key in other.outs}
        others |= self.elsewhere
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
        """The runs that have the metric, and nothing on validation beside it."""
        runs = [run for group in self.groups for run in group.runs if metric in run.results]
        return [run for run in runs if self.named[metric].validation not in run.results]
