"""The comparison: one self-contained HTML page of many experiments side by side."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twinview.core.entries import alternatives
from twinview.core.templates import render
from twinview.experiments.comparison import Comparison, Standing
from twinview.experiments.differences import format_value, short_name
from twinview.experiments.group import Group
from twinview.experiments.group_labels import MANY
from twinview.experiments.intervals import WORDS, Difference
from twinview.experiments.side_by_side import Compared
from twinview.reporting.comparison_words import (
    MORE_SEEDS,
    format_interval,
    format_megabytes,
    format_minutes,
    unjudged_note,
)
from twinview.reporting.interval_chart import IntervalChart, interval_chart

# The sign, and its explanation, of groups that may be as good as the best.
_SIGNS: dict[Standing, tuple[str, str]] = {
    "tied": ("≈", "cannot be told apart from the best"),
    "unsure": ("?", "one seed, so nothing can be said"),
    "more": ("↑", "higher on test than the best, which was picked on validation"),
}
_TEMPLATE = Path(__file__).parent / "compare.html.j2"


@dataclass(frozen=True)
class Cell:
    """A cell of the table.

    value: what the column is sorted by. best: whether the cell is the best of its column. sign,
    explanation: how the cell compares with the best.
    """

    text: str
    value: float | str | None
    best: bool = False
    sign: str = ""
    explanation: str = ""


@dataclass(frozen=True)
class OtherGroup:
    """A group that is compared with the best, and the texts of its row."""

    group: Group
    cells: tuple[str, ...]


@dataclass(frozen=True)
class ComparisonPart:
    """One comparison, as the page shows it. anchor: the end of its sections' ids."""

    title: str
    anchor: str
    comparison: Comparison
    measures: str
    unjudged: list[str]
    columns: list[tuple[str, str]]
    rows: list[tuple[Group, list[Cell]]]
    charts: list[IntervalChart]
    against: dict[str, list[OtherGroup]]
    has_several_seeds: bool
    runs: int
    common: dict[str, str]
    differing: list[tuple[Group, list[str]]]


def page(compared: Compared) -> str:
    """The HTML page; equal comparisons give equal text."""
    return render(
        _TEMPLATE,
        escaped=True,
        parts=[_part(compared, comparison) for comparison in compared.parts],
        apart=compared.apart,
        interval=WORDS,
        more_seeds=MORE_SEEDS.split("`"),  # every second piece is a command
        named=compared.named,
        validated=_validated,
    )


def _part(compared: Compared, comparison: Comparison) -> ComparisonPart:
    title = compared.title(comparison)
    return ComparisonPart(
        title=title,
        anchor=f"-{compared.parts.index(comparison) + 1}" if title else "",
        comparison=comparison,
        measures=alternatives(
            comparison.named[metric].measure_words for metric in comparison.metrics
        ),
        unjudged=unjudged_note([comparison]),
        columns=_columns(comparison),
        rows=[(group, _cells(comparison, group)) for group in comparison.groups],
        charts=[interval_chart(comparison, metric) for metric in comparison.metrics],
        against={metric: _against(comparison, metric) for metric in comparison.judged},
        has_several_seeds=any(len(group.seeds) > 1 for group in comparison.groups),
        runs=sum(len(group.runs) for group in comparison.groups),
        common={key: format_value(value) for key, value in comparison.common.items()},
        differing=_differing(comparison),
    )


def _columns(comparison: Comparison) -> list[tuple[str, str]]:
    """The heading and the explanation of each column of the table."""
    return [
        *_names(comparison),
        *((comparison.named[metric].words, metric) for metric in comparison.metrics),
        ("n", "training seeds"),
        ("min", "mean minutes of pretraining"),
        ("MB", "the size of the runs' files in DVC's cache, equal files counted once"),
        ("own MB", "the part of it that no other row has"),
        ("verdict", "the verdict on the training"),
    ]


def _names(comparison: Comparison) -> list[tuple[str, str]]:
    """The columns that name a row: its settings, or a short name when there are many settings."""
    if len(comparison.differing) > MANY:
        return [("settings", f"{len(comparison.differing)} settings differ, see Settings")]
    keys = comparison.differing or ("pretrain.method",)
    return [(short_name(key, keys), key) for key in keys]


def _name_cells(comparison: Comparison, group: Group) -> list[Cell]:
    if len(comparison.differing) > MANY:
        return [Cell(group.label, group.label, explanation=group.full_label)]
    settings = group.differing if comparison.differing else {"pretrain.method": group.label}
    keys = comparison.differing or ("pretrain.method",)
    return [_setting(settings[key]) if key in settings else Cell("–", None) for key in keys]


def _differing(comparison: Comparison) -> list[tuple[Group, list[str]]]:
    """For each group, the values of all settings that differ; empty if the table has them."""
    if len(comparison.differing) <= MANY:
        return []
    keys, groups = comparison.differing, comparison.groups
    return [
        (
            group,
            [format_value(group.differing[key]) if key in group.differing else "–" for key in keys],
        )
        for group in groups
    ]


def _cells(comparison: Comparison, group: Group) -> list[Cell]:
    sizes = sum(group.outs.values()), comparison.unshared_bytes(group)
    return [
        *_name_cells(comparison, group),
        *(_metric(comparison, group, metric) for metric in comparison.metrics),
        Cell(str(len(group.seeds)), len(group.seeds)),
        Cell(format_minutes(group), group.minutes),
        *(Cell(format_megabytes(size), size) for size in sizes),
        Cell(" and ".join(group.verdicts), ",".join(group.verdicts)),
    ]


def _setting(value: Any) -> Cell:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return Cell(format_value(value), value if is_number else format_value(value))


def _metric(comparison: Comparison, group: Group, metric: str) -> Cell:
    interval = group.interval(metric)
    if interval is None:
        return Cell("–", None)
    standing = comparison.standing(group, metric)
    sign, explanation = _SIGNS.get(standing, ("", ""))
    best = standing == "best"
    return Cell(str(interval), interval.mean, best=best, sign=sign, explanation=explanation)


def _against(comparison: Comparison, metric: str) -> list[OtherGroup]:
    """For each other group: validation, difference to the best, seeds, p, whether it differs."""
    return [
        OtherGroup(
            other.group,
            (
                _validated(comparison, other.group, metric),
                f"{other.difference.mean:+.3f}".replace("-", "−") + _half_width(other.difference),
                _seeds(other.difference),
                "–" if other.p is None else f"{other.p:.2g}",
                {True: "yes", False: "no", None: "cannot be said"}[other.significant],
            ),
        )
        for other in comparison.against_best(metric)
    ]


def _validated(comparison: Comparison, group: Group, metric: str) -> str:
    """The group's mean on validation, or a dash."""
    return format_interval(group.interval(comparison.named[metric].validation))


def _half_width(difference: Difference) -> str:
    return "" if difference.half is None else f" ± {difference.half:.3f}"


def _seeds(difference: Difference) -> str:
    if difference.half is None:
        return "one seed"
    return f"{difference.n} seeds of both" if difference.paired else "different seeds"
