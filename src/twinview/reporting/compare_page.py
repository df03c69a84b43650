"""The comparison: one self-contained HTML page of many experiments side by side."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twinview.core.templates import render
from twinview.experiments.comparison import Comparison, Standing
from twinview.experiments.differences import short, told
from twinview.experiments.group import Group
from twinview.experiments.group_labels import MANY
from twinview.experiments.intervals import WORDS, Difference
from twinview.experiments.metric_names import validation_of
from twinview.experiments.side_by_side import Compared
from twinview.reporting.comparison_words import (
    MORE_SEEDS,
    format_interval,
    format_megabytes,
    format_minutes,
)
from twinview.reporting.interval_chart import IntervalChart, interval_chart
from twinview.reporting.results import few_labels, spoken

# Of groups that are not surely less than the best: a sign, and what it says.
_SIGNS: dict[Standing, tuple[str, str]] = {
    "tied": ("≈", "cannot be told apart from the best"),
    "unsure": ("?", "one seed, so nothing can be said"),
    "more": ("↑", "higher on test than the best, which was picked on validation"),
}
_TEMPLATE = Path(__file__).parent / "compare.html.j2"


@dataclass(frozen=True)
class Cell:
    """What a cell says, what it is sorted by, and how it stands to the best of its column."""

    text: str
    value: float | str | None
    best: bool = False
    sign: str = ""
    explanation: str = ""


@dataclass(frozen=True)
class OtherGroup:
    """A group beside the best of a metric: its name, and what the cells of its row say."""

    group: Group
    cells: tuple[str, ...]


@dataclass(frozen=True)
class ComparisonPart:
    """One comparison, as the page shows it. place: follows the names of its sections."""

    title: str
    anchor: str
    comparison: Comparison
    columns: list[tuple[str, str]]
    rows: list[tuple[Group, list[Cell]]]
    charts: list[IntervalChart]
    against: dict[str, list[OtherGroup]]
    several: bool
    runs: int
    common: dict[str, str]
    differing: list[tuple[Group, list[str]]]


def page(compared: Compared) -> str:
    """The HTML: equal comparisons give equal text."""
    return render(
        _TEMPLATE,
        escaped=True,
        parts=[_part(compared, comparison) for comparison in compared.parts],
        apart=compared.apart,
        interval=WORDS,
        more_seeds=MORE_SEEDS.split("`"),  # every second piece is typed
        task_label=task_label,
        validated=_validated,
    )


def _part(compared: Compared, comparison: Comparison) -> ComparisonPart:
    title = compared.title(comparison)
    return ComparisonPart(
        title=title,
        anchor=f"-{compared.parts.index(comparison) + 1}" if title else "",
        comparison=comparison,
        columns=_columns(comparison),
        rows=[(group, _cells(comparison, group)) for group in comparison.groups],
        charts=[interval_chart(comparison, metric) for metric in comparison.metrics],
        against={metric: _against(comparison, metric) for metric in comparison.metrics},
        several=any(len(group.seeds) > 1 for group in comparison.groups),
        runs=sum(len(group.runs) for group in comparison.groups),
        common={key: told(value) for key, value in comparison.common.items()},
        differing=_differing(comparison),
    )


def task_label(metric: str) -> str:
    """A metric in words: "linear", "10 labels a class", "knn, f1"."""
    *where, last = metric.split(".")
    words = [few_labels(part) or spoken(part) for part in where]
    return ", ".join([*words, *([last] if last != "accuracy" else [])])


def _columns(comparison: Comparison) -> list[tuple[str, str]]:
    """Heading and full name of each column of the table."""
    return [
        *_names(comparison),
        *((task_label(metric), metric) for metric in comparison.metrics),
        ("n", "training seeds"),
        ("min", "minutes of pretraining, the mean"),
        ("MB", "what the runs keep in DVC's cache, each content once"),
        ("own MB", "what of it no other row has"),
        ("verdict", "of the training"),
    ]


def _names(comparison: Comparison) -> list[tuple[str, str]]:
    """The columns that name a row: its settings, or, where these are many, their short name."""
    if len(comparison.differing) > MANY:
        return [("settings", f"{len(comparison.differing)} settings differ, see Settings")]
    keys = comparison.differing or ("pretrain.method",)
    return [(short(key, keys), key) for key in keys]


def _named(comparison: Comparison, group: Group) -> list[Cell]:
    if len(comparison.differing) > MANY:
        return [Cell(group.label, group.label, explanation=group.whole)]
    settings = group.differing if comparison.differing else {"pretrain.method": group.label}
    keys = comparison.differing or ("pretrain.method",)
    return [_setting(settings[key]) if key in settings else Cell("–", None) for key in keys]


def _differing(comparison: Comparison) -> list[tuple[Group, list[str]]]:
    """Of each group the values of all settings that differ; none where the table has them."""
    if len(comparison.differing) <= MANY:
        return []
    keys, groups = comparison.differing, comparison.groups
    return [
        (one, [told(one.differing[key]) if key in one.differing else "–" for key in keys])
        for one in groups
    ]


def _cells(comparison: Comparison, group: Group) -> list[Cell]:
    sizes = sum(group.outs.values()), comparison.own_bytes(group)
    return [
        *_named(comparison, group),
        *(_metric(comparison, group, metric) for metric in comparison.metrics),
        Cell(str(len(group.seeds)), len(group.seeds)),
        Cell(format_minutes(group), group.minutes),
        *(Cell(format_megabytes(size), size) for size in sizes),
        Cell(" and ".join(group.verdicts), ",".join(group.verdicts)),
    ]


def _setting(value: Any) -> Cell:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return Cell(told(value), value if number else told(value))


def _metric(comparison: Comparison, group: Group, metric: str) -> Cell:
    one = group.interval(metric)
    if one is None:
        return Cell("–", None)
    standing = comparison.standing(group, metric)
    sign, says = _SIGNS.get(standing, ("", ""))
    return Cell(str(one), one.mean, best=standing == "best", sign=sign, explanation=says)


def _against(comparison: Comparison, metric: str) -> list[OtherGroup]:
    """On validation, difference to the best, how it was taken, p, whether the two are apart."""
    return [
        OtherGroup(
            one.group,
            (
                _validated(one.group, metric),
                f"{one.difference.mean:+.3f}".replace("-", "−") + _half(one.difference),
                _taken(one.difference),
                "–" if one.p is None else f"{one.p:.2g}",
                {True: "yes", False: "no", None: "cannot be said"}[one.apart],
            ),
        )
        for one in comparison.against_best(metric)
    ]


def _validated(group: Group, metric: str) -> str:
    """The group's mean on validation; a dash where its runs have none."""
    return format_interval(group.interval(validation_of(metric)))


def _half(difference: Difference) -> str:
    return "" if difference.half is None else f" ± {difference.half:.3f}"


def _taken(difference: Difference) -> str:
    if difference.half is None:
        return "one seed"
    return f"{difference.n} seeds of both" if difference.paired else "different seeds"
