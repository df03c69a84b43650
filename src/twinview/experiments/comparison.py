"""Groups of runs compared: which is best, and which do not differ significantly from it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from twinview.core import entries
from twinview.experiments.group import Group
from twinview.experiments.intervals import Difference, difference, holm
from twinview.experiments.metric_names import RAW, SUPERVISED, Metric, of_baseline
from twinview.experiments.question import Differences
from twinview.experiments.recorded_run import RecordedRun

REFERENCES = (SUPERVISED, *RAW)  # baselines that are shown with every comparison

Standing = Literal["best", "tied", "unsure", "less", "more", "unjudged", "absent"]


@dataclass(frozen=True)
class DifferenceToBest:
    """How a group differs from the best of a metric. p: corrected by Holm for all comparisons."""

    group: Group
    difference: Difference
    p: float | None

    @property
    def significant(self) -> bool | None:
        """Whether the difference is significant at 5 %; None if a group has a single seed."""
        return None if self.p is None else self.p < 0.05


@dataclass(frozen=True)
class Comparison:
    """Groups of runs with the same question; the group that is best by the first metric is first.

    Parameters
    ----------
    groups, metrics
        The groups, and the metrics that at least one run has.
    differing, common
        The settings that differ between groups, and those that are equal in all.
    changed
        The files of code that are not the same in all runs.
    missing_metrics
        Metrics that only runs of other parts have.
    heading, differences
        How the question differs from that of the first part: in words, and by setting. Empty if
        there is only one part.
    other_outs
        The hashes of the outs of other parts' runs.
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

    @cached_property
    def named(self) -> dict[str, Metric]:
        """What the metrics of its runs are, by dotted name.

        A run whose reports/evaluation.json is not at hand knows only names. The other runs come
        last, so that their words count.
        """
        runs = [run for group in self.groups for run in group.runs]
        found = [pair for run in runs for pair in run.named.items()]
        return dict(sorted(found, key=lambda pair: bool(pair[1].entry.task)))

    @cached_property
    def judged(self) -> tuple[str, ...]:
        """The metrics by which a group is better than another, as entries.judged says."""
        found = {metric.name_of_entry: metric.entry for metric in self.named.values()}
        judging = entries.judged(found)
        return tuple(name for name in self.metrics if self.named[name].name_of_entry in judging)

    def best(self, metric: str) -> Group:
        """The group with the highest mean on validation, or on test if a run has no validation."""
        selection = self.selection_metric(metric)
        return max(self._measured(metric), key=lambda group: group.mean(selection))

    def selection_metric(self, metric: str) -> str:
        """The metric whose mean selects the best group of a metric."""
        return metric if self._unvalidated(metric) else self.named[metric].validation

    def describe_selection(self, metric: str) -> str:
        """A phrase that says on which split the best group of a metric is selected."""
        if not (unvalidated := self._unvalidated(metric)):
            return "picked on validation"
        runs = [run for group in self._measured(metric) for run in group.runs]
        part = f"{len(unvalidated)} of {len(runs)} runs"
        which = "these runs" if len(unvalidated) == len(runs) else part
        return f"picked on test: {which} have no validation numbers"

    def against_best(self, metric: str) -> list[DifferenceToBest]:
        """The differences of all other groups that have the metric; the highest mean is first."""
        best = self.best(metric)
        others = [group for group in self._measured(metric) if group is not best]
        others.sort(key=lambda group: -group.mean(metric))
        gaps = [difference(group.values(metric), best.values(metric)) for group in others]
        corrected = iter(holm([gap.p for gap in gaps if gap.p is not None]))
        p_values = [None if gap.p is None else next(corrected) for gap in gaps]
        return [DifferenceToBest(*row) for row in zip(others, gaps, p_values, strict=True)]

    def standing(self, group: Group, metric: str) -> Standing:
        """How a group compares with the best of a metric; "absent" if it lacks the metric.

        "unjudged" if a larger value of the metric does not make a group better.
        """
        if not group.values(metric):
            return "absent"
        if metric not in self.judged:
            return "unjudged"
        if group is self.best(metric):
            return "best"
        gap = next(gap for gap in self.against_best(metric) if gap.group is group)
        if gap.significant is None:
            return "unsure"
        return ("more" if gap.difference.mean > 0 else "less") if gap.significant else "tied"

    def tied(self, metric: str) -> list[Group]:
        """The groups that do not differ significantly from the best."""
        return [gap.group for gap in self.against_best(metric) if gap.significant is False]

    def unsure(self, metric: str) -> list[Group]:
        """The groups that have too few seeds for a test against the best."""
        return [gap.group for gap in self.against_best(metric) if gap.significant is None]

    def higher_on_test(self, metric: str) -> list[Group]:
        """The groups that are significantly higher on test than the best one."""
        return [group for group in self.groups if self.standing(group, metric) == "more"]

    def unshared_bytes(self, group: Group) -> int:
        """The bytes of the outs that no other group of any part has."""
        others = {key for other in self.groups if other is not group for key in other.outs}
        others |= self.other_outs
        return sum(size for key, size in group.outs.items() if key not in others)

    def references(self, metric: str) -> dict[str, float]:
        """The means of those baselines whose mean is equal in all groups, to three digits."""
        references = {}
        for name in REFERENCES:
            intervals = [group.interval(of_baseline(name, metric)) for group in self.groups]
            means = {round(interval.mean, 3) if interval else None for interval in intervals}
            if len(means) == 1 and (mean := means.pop()) is not None:
                references[name] = mean
        return references

    def _measured(self, metric: str) -> list[Group]:
        return [group for group in self.groups if group.values(metric)]

    def _unvalidated(self, metric: str) -> list[RecordedRun]:
        """The runs that have the metric, and nothing on validation beside it."""
        runs = [run for group in self.groups for run in group.runs if metric in run.results]
        return [run for run in runs if self.named[metric].validation not in run.results]
