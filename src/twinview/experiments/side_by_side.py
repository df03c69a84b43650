"""Compares many runs: a comparison for each question, of groups over training seeds.

Groups with equal questions are one part, see `question`. Runs without results are listed with the
reason.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from twinview.core import paths
from twinview.core.errors import ConfigError, DataError
from twinview.core.registry import did_you_mean
from twinview.experiments import dvc_experiments, question
from twinview.experiments.comparison import Comparison
from twinview.experiments.group import Group
from twinview.experiments.grouping import changed_code, group_runs
from twinview.experiments.metric_names import Metric
from twinview.experiments.named_runs import named_runs
from twinview.experiments.part_headings import headings
from twinview.experiments.question import Question
from twinview.experiments.recorded_run import RecordedRun


@dataclass(frozen=True)
class Compared:
    """parts: a comparison for each question; the one with the most runs is first.

    apart: the names that are not compared, with the reasons.
    """

    parts: tuple[Comparison, ...]
    apart: Mapping[str, str]

    @property
    def named(self) -> dict[str, Metric]:
        """What the metrics of all parts are, by dotted name."""
        return {
            name: metric for part in reversed(self.parts) for name, metric in part.named.items()
        }

    def title(self, part: Comparison) -> str:
        """A part's number and heading; empty if it is the only one."""
        number = self.parts.index(part) + 1
        return f"Part {number}, {part.heading}" if len(self.parts) > 1 else ""


def compare(names: Sequence[str], metrics: Sequence[str]) -> Compared:
    """The named experiments, commits, branches or 'workspace'; without names, all experiments.

    metrics: by the names of `RecordedRun.results`; without, the primary one of every entry. Raises
    ConfigError for a name or metric that there is not, DataError where there is nothing to compare.
    """
    dvc_experiments.require_git("twinview compare")
    runs, apart = named_runs(names)
    if not runs:
        raise DataError(_nothing(apart))
    return side_by_side(runs, metrics, apart)


def _nothing(apart: Mapping[str, str]) -> str:
    listed = "".join(f"\n  {name}: {reason}" for name, reason in apart.items())
    made = "`dvc exp run`, or `dvc queue start`, makes some"
    return f"there are no results to compare; {made}{':' if listed else ''}{listed}"


def side_by_side(
    runs: Sequence[RecordedRun], metrics: Sequence[str], apart: Mapping[str, str]
) -> Compared:
    """The comparison of at least one run. metrics, apart: as in `compare`."""
    chosen = _chosen(metrics, runs)
    asked = question.parted([run.question for run in runs])
    parts = [_part([runs[place] for place in part.places], part.question, chosen) for part in asked]
    first = asked[0].question
    others = [part.question.differences(first) for part in asked[1:]]
    found = [
        replace(one, heading=words, differences=differ, other_outs=_other_outs(one, parts))
        for one, words, differ in zip(parts, headings(others), [{}, *others], strict=True)
    ]
    return Compared(tuple(found), apart)


def _chosen(metrics: Sequence[str], runs: Sequence[RecordedRun]) -> tuple[str, ...]:
    """The metrics to compare."""
    known = list(dict.fromkeys(name for run in runs for name in run.results))
    for name in metrics:
        if name not in known:
            near = did_you_mean(name, known)
            raise ConfigError(f"no run has the metric {name!r}{near}; such are: {', '.join(known)}")
    primaries = dict.fromkeys(name for run in runs for name in run.primaries)
    if not metrics and not primaries:
        raise ConfigError(
            f"no run has results in {paths.METRICS}; `evaluate.tasks` names what is measured"
        )
    return tuple(metrics or primaries)


def _part(runs: Sequence[RecordedRun], asked: Question, chosen: Sequence[str]) -> Comparison:
    """The comparison of runs with the same question."""
    groups = group_runs(runs)
    metrics = [name for name in chosen if any(name in run.results for run in runs)]
    equal = {k: v for k, v in runs[0].answer.items() if all(_same(run, k, v) for run in runs)}
    found = Comparison(
        tuple(groups),
        tuple(dict.fromkeys(key for group in groups for key in group.differing)),
        equal | _asked_by_all(runs, asked),
        tuple(metrics),
        tuple(changed_code(runs)),
        tuple(name for name in chosen if name not in metrics),
    )
    return replace(found, groups=tuple(_ordered(found))) if metrics else found


def _same(run: RecordedRun, key: str, value: Any) -> bool:
    return key in run.answer and bool(run.answer[key] == value)


def _asked_by_all(runs: Sequence[RecordedRun], asked: Question) -> dict[str, Any]:
    """The question's settings that are equal in all runs that have them.

    They may differ although the question is the same: equal data may come from two sources.
    """
    each = [{**run.question.data, **run.question.protocol} for run in runs]
    whole = {**asked.data, **asked.protocol}
    return {k: v for k, v in whole.items() if all(one.get(k, v) == v for one in each)}


def _ordered(found: Comparison) -> list[Group]:
    """The groups by the first metric: the best, the others by test, then those that lack it."""
    metric = found.metrics[0]
    ranked = [found.best(metric), *(one.group for one in found.against_best(metric))]
    return [*ranked, *(group for group in found.groups if not group.values(metric))]


def _other_outs(part: Comparison, parts: Sequence[Comparison]) -> frozenset[str]:
    others = [group for other in parts if other is not part for group in other.groups]
    return frozenset(key for group in others for key in group.outs)
