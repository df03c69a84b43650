"""Charts of a measure by the number of labels a class, with a line for every contender."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from twinview.core import entries
from twinview.core.entries import Entry, in_words
from twinview.core.paths import OURS
from twinview.reporting.charts import (
    LEFT,
    RIGHT,
    WIDTH,
    Dot,
    Tick,
    nice_ticks,
    path_through,
    scale_y,
)
from twinview.reporting.marks import Mark, mark


@dataclass(frozen=True)
class Line:
    """A contender's line. path: an SVG path. ours: whether it is the encoder's."""

    name: str
    ours: bool
    path: str
    dots: tuple[Dot, ...]
    mark: Mark


@dataclass(frozen=True)
class LabelChart:
    """The lines of one task, whose x axis is the logarithm of the number of labels."""

    title: str
    lines: tuple[Line, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]


def label_charts(
    contenders: Mapping[str, Mapping[str, Any]], declared: Mapping[str, Entry]
) -> list[LabelChart]:
    """A chart for each task whose entries are two or more numbers of labels.

    Parameters
    ----------
    contenders : the results by contender and entry.
    declared : the entries; labels_10 is one of 10 labels a class.
    """
    tasks: dict[str, dict[int, str]] = {}
    for name, entry in declared.items():
        count = name.rpartition("_")[2]
        if count.isdecimal():
            tasks.setdefault(entry.task, {})[int(count)] = name
    return [
        _chart(
            declared[names[min(names)]],
            {
                contender: {
                    count: found[name][declared[name].primary]
                    for count, name in sorted(names.items())
                }
                for contender, found in contenders.items()
            },
        )
        for names in tasks.values()
        if len(names) > 1
    ]


def _chart(entry: Entry, values: Mapping[str, Mapping[int, float]]) -> LabelChart:
    counts = list(next(iter(values.values())))
    shown = [value for by_count in values.values() for value in by_count.values()]
    axis = nice_ticks(min(shown), max(shown), min_step=1e-3)
    first, last = math.log(counts[0]), math.log(counts[-1])

    def x_of(count: int) -> float:
        share = (math.log(count) - first) / (last - first)
        return round(LEFT + 12 + share * (WIDTH - LEFT - RIGHT - 24), 1)

    def line(number: int, name: str) -> Line:
        words = in_words(name)
        dots = tuple(
            Dot(x_of(count), scale_y(value, axis), f"{words}, {count} labels a class: {value:.3f}")
            for count, value in values[name].items()
        )
        return Line(words, name == OURS, path_through(dots), dots, mark(number))

    return LabelChart(
        title=f"{entries.title([entry.primary_words])} by {entry.words.lstrip('0123456789 ')}",
        lines=tuple(line(number, name) for number, name in enumerate(values)),
        x_ticks=tuple(Tick(x_of(count), f"{count:,}") for count in counts),
        y_ticks=tuple(Tick(scale_y(value, axis), f"{value:g}") for value in axis),
    )
