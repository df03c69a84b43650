"""The comparison: one self-contained HTML page of many experiments side by side."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from twinview.comparison import Comparison, Group, short, told
from twinview.intervals import WORDS, Difference
from twinview.reporting.interval_chart import interval_chart
from twinview.reporting.results import spoken


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
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("compare.html.j2").render(
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
    return ", ".join([*map(_spoken, where), *([last] if last != "accuracy" else [])])


def _spoken(part: str) -> str:
    kind, _, few = part.rpartition("_")
    if not few.isdigit() or kind not in ("labels", "propagated"):
        return spoken(part)
    return f"{few} labels a class" + (", propagated" if kind == "propagated" else "")


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
    size, own = sum(group.outs.values()) / 1e6, found.own_bytes(group) / 1e6
    settings = group.differing if found.differing else {"pretrain.method": group.label}
    keys = found.differing or ("pretrain.method",)
    minutes = group.minutes
    return [
        *(_setting(settings[key]) if key in settings else Cell("–", None) for key in keys),
        *(_metric(found, group, metric) for metric in found.metrics),
        Cell(str(len(group.seeds)), len(group.seeds)),
        Cell("–" if minutes is None else f"{minutes:.3g}", minutes),
        Cell(f"{size:.3g}", size),
        Cell(f"{own:.3g}", own),
        Cell(" and ".join(group.verdicts), ",".join(group.verdicts)),
    ]


def _setting(value: Any) -> Cell:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return Cell(told(value), value if number else told(value))


def _metric(found: Comparison, group: Group, metric: str) -> Cell:
    one = group.interval(metric)
    if one is None:
        return Cell("–", None)
    if group in found.tied(metric):
        return Cell(str(one), one.mean, sign="≈", says="cannot be told apart from the best")
    if group in found.unsure(metric):
        return Cell(str(one), one.mean, sign="?", says="one seed, so nothing can be said")
    return Cell(str(one), one.mean, best=group is found.best(metric))


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
