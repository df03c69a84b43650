"""The comparison: one self-contained HTML page of many experiments side by side."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twinview.comparison import Comparison, Group, Standing, megabytes, minutes, short, told
from twinview.intervals import WORDS, Difference
from twinview.reporting.interval_chart import interval_chart
from twinview.reporting.results import few_labels, spoken
from twinview.templates import rendered

# Of groups that are not surely less than the best: a sign, and what it says.
_SIGNS: dict[Standing, tuple[str, str]] = {
    "tied": ("≈", "cannot be told apart from the best"),
    "unsure": ("?", "one seed, so nothing can be said"),
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


def page(found: Comparison) -> str:
    """The HTML: equal comparisons give equal text."""
    return rendered(
        _TEMPLATE,
        escaped=True,
        found=found,
        interval=WORDS,
        columns=_columns(found),
        rows=[(group, _cells(found, group)) for group in found.groups],
        charts=[interval_chart(found, metric) for metric in found.metrics],
        against={metric: _against(found, metric) for metric in found.metrics},
        several=any(len(group.seeds) > 1 for group in found.groups),
        runs=sum(len(group.runs) for group in found.groups),
        common={key: told(value) for key, value in found.common.items()},
        task=task,
    )


def task(metric: str) -> str:
    """A metric in words: "linear", "10 labels a class", "knn, f1"."""
    *where, last = metric.split(".")
    words = [few_labels(part) or spoken(part) for part in where]
    return ", ".join([*words, *([last] if last != "accuracy" else [])])


def _columns(found: Comparison) -> list[tuple[str, str]]:
    """Heading and full name of each column of the table."""
    keys = found.differing or ("pretrain.method",)
    return [
        *((short(key, keys), key) for key in keys),
        *((task(metric), metric) for metric in found.metrics),
        ("n", "training seeds"),
        ("min", "minutes of pretraining, the mean"),
        ("MB", "what the runs keep in DVC's cache, each content once"),
        ("own MB", "what of it no other row has"),
        ("verdict", "of the training"),
    ]


def _cells(found: Comparison, group: Group) -> list[Cell]:
    sizes = sum(group.outs.values()), found.own_bytes(group)
    settings = group.differing if found.differing else {"pretrain.method": group.label}
    keys = found.differing or ("pretrain.method",)
    return [
        *(_setting(settings[key]) if key in settings else Cell("–", None) for key in keys),
        *(_metric(found, group, metric) for metric in found.metrics),
        Cell(str(len(group.seeds)), len(group.seeds)),
        Cell(minutes(group), group.minutes),
        *(Cell(megabytes(size), size) for size in sizes),
        Cell(" and ".join(group.verdicts), ",".join(group.verdicts)),
    ]


def _setting(value: Any) -> Cell:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return Cell(told(value), value if number else told(value))


def _metric(found: Comparison, group: Group, metric: str) -> Cell:
    one = group.interval(metric)
    if one is None:
        return Cell("–", None)
    standing = found.standing(group, metric)
    sign, says = _SIGNS.get(standing, ("", ""))
    return Cell(str(one), one.mean, best=standing == "best", sign=sign, says=says)


def _against(found: Comparison, metric: str) -> list[tuple[str, str, str, str, str]]:
    """Group, difference to the best, how it was taken, p, whether the two can be told apart."""
    return [
        (
            one.group.label,
            f"{one.difference.mean:+.3f}".replace("-", "−") + _half(one.difference),
            _taken(one.difference),
            "–" if one.p is None else f"{one.p:.2g}",
            {True: "yes", False: "no", None: "cannot be said"}[one.apart],
        )
        for one in found.against_best(metric)
    ]


def _half(difference: Difference) -> str:
    return "" if difference.half is None else f" ± {difference.half:.3f}"


def _taken(difference: Difference) -> str:
    if difference.half is None:
        return "one seed"
    return f"{difference.n} seeds of both" if difference.paired else "different seeds"
