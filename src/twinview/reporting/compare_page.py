"""The comparison: one self-contained HTML page of many experiments side by side."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twinview.core.templates import render
from twinview.experiments.comparison import Comparison, Standing
from twinview.experiments.differences import format_value, short_name
from twinview.experiments.group import Group
from twinview.experiments.group_labels import MANY
from twinview.experiments.intervals import WORDS, Difference
from twinview.experiments.metric_names import validation_of
from twinview.experiments.side_by_side import Compared
from twinview.reporting.comparison_words import MORE_SEEDS, cell, megabytes, minutes
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
    says: str = ""


@dataclass(frozen=True)
class Other:
    """A group beside the best of a metric: its name, and what the cells of its row say."""

    group: Group
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Part:
    """One comparison, as the page shows it. place: follows the names of its sections."""

    title: str
    place: str
    found: Comparison
    columns: list[tuple[str, str]]
    rows: list[tuple[Group, list[Cell]]]
    charts: list[IntervalChart]
    against: dict[str, list[Other]]
    several: bool
    runs: int
    common: dict[str, str]
    differing: list[tuple[Group, list[str]]]


def page(compared: Compared) -> str:
    """The HTML: equal comparisons give equal text."""
    return render(
        _TEMPLATE,
        escaped=True,
        parts=[_part(compared, found) for found in compared.parts],
        apart=compared.apart,
        interval=WORDS,
        more_seeds=MORE_SEEDS.split("`"),  # every second piece is typed
        task=task,
        validated=_validated,
    )


def _part(compared: Compared, found: Comparison) -> Part:
    title = compared.title(found)
    return Part(
        title=title,
        place=f"-{compared.parts.index(found) + 1}" if title else "",
        found=found,
        columns=_columns(found),
        rows=[(group, _cells(found, group)) for group in found.groups],
        charts=[interval_chart(found, metric) for metric in found.metrics],
        against={metric: _against(found, metric) for metric in found.metrics},
        several=any(len(group.seeds) > 1 for group in found.groups),
        runs=sum(len(group.runs) for group in found.groups),
        common={key: format_value(value) for key, value in found.common.items()},
        differing=_differing(found),
    )


def task(metric: str) -> str:
    """A metric in words: "linear", "10 labels a class", "knn, f1"."""
    *where, last = metric.split(".")
    words = [few_labels(part) or spoken(part) for part in where]
    return ", ".join([*words, *([last] if last != "accuracy" else [])])


def _columns(found: Comparison) -> list[tuple[str, str]]:
    """Heading and full name of each column of the table."""
    return [
        *_names(found),
        *((task(metric), metric) for metric in found.metrics),
        ("n", "training seeds"),
        ("min", "minutes of pretraining, the mean"),
        ("MB", "what the runs keep in DVC's cache, each content once"),
        ("own MB", "what of it no other row has"),
        ("verdict", "of the training"),
    ]


def _names(found: Comparison) -> list[tuple[str, str]]:
    """The columns that name a row: its settings, or, where these are many, their short name."""
    if len(found.differing) > MANY:
        return [("settings", f"{len(found.differing)} settings differ, see Settings")]
    keys = found.differing or ("pretrain.method",)
    return [(short_name(key, keys), key) for key in keys]


def _named(found: Comparison, group: Group) -> list[Cell]:
    if len(found.differing) > MANY:
        return [Cell(group.label, group.label, says=group.full_label)]
    settings = group.differing if found.differing else {"pretrain.method": group.label}
    keys = found.differing or ("pretrain.method",)
    return [_setting(settings[key]) if key in settings else Cell("–", None) for key in keys]


def _differing(found: Comparison) -> list[tuple[Group, list[str]]]:
    """Of each group the values of all settings that differ; none where the table has them."""
    if len(found.differing) <= MANY:
        return []
    keys, groups = found.differing, found.groups
    return [
        (one, [format_value(one.differing[key]) if key in one.differing else "–" for key in keys])
        for one in groups
    ]


def _cells(found: Comparison, group: Group) -> list[Cell]:
    sizes = sum(group.outs.values()), found.unshared_bytes(group)
    return [
        *_named(found, group),
        *(_metric(found, group, metric) for metric in found.metrics),
        Cell(str(len(group.seeds)), len(group.seeds)),
        Cell(minutes(group), group.minutes),
        *(Cell(megabytes(size), size) for size in sizes),
        Cell(" and ".join(group.verdicts), ",".join(group.verdicts)),
    ]


def _setting(value: Any) -> Cell:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return Cell(format_value(value), value if number else format_value(value))


def _metric(found: Comparison, group: Group, metric: str) -> Cell:
    one = group.interval(metric)
    if one is None:
        return Cell("–", None)
    standing = found.standing(group, metric)
    sign, says = _SIGNS.get(standing, ("", ""))
    return Cell(str(one), one.mean, best=standing == "best", sign=sign, says=says)


def _against(found: Comparison, metric: str) -> list[Other]:
    """On validation, difference to the best, how it was taken, p, whether the two are apart."""
    return [
        Other(
            one.group,
            (
                _validated(one.group, metric),
                f"{one.difference.mean:+.3f}".replace("-", "−") + _half(one.difference),
                _taken(one.difference),
                "–" if one.p is None else f"{one.p:.2g}",
                {True: "yes", False: "no", None: "cannot be said"}[one.significant],
            ),
        )
        for one in found.against_best(metric)
    ]


def _validated(group: Group, metric: str) -> str:
    """The group's mean on validation; a dash where its runs have none."""
    return cell(group.interval(validation_of(metric)))


def _half(difference: Difference) -> str:
    return "" if difference.half is None else f" ± {difference.half:.3f}"


def _taken(difference: Difference) -> str:
    if difference.half is None:
        return "one seed"
    return f"{difference.n} seeds of both" if difference.paired else "different seeds"
