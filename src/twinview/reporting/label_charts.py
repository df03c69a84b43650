"""Charts of a measure by the number of labels a class, with a line for every contender."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from twinview.core import entries
from twinview.core.entries import Entry, in_words
from twinview.core.paths import OURS
from twinview.reporting.charts import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Dot, Tick, nice_ticks
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
    tasks: dict[str, dict[int, Entry]] = {}
    names: dict[tuple[str, int], str] = {}
    for name, entry in declared.items():
        count = name.rpartition("_")[2]
        if count.isdecimal():
            tasks.setdefault(entry.task, {})[int(count)] = entry
            names[entry.task, int(count)] = name
    return [
        _chart(
            entry_of[min(entry_of)],
            {
                contender: {
                    count: found[names[task, count]][entry.primary]
                    for count, entry in sorted(entry_of.items())
                }
                for contender, found in contenders.items()
            },
        )
        for task, entry_of in tasks.items()
        if len(entry_of) > 1
    ]


def _chart(entry: Entry, values: Mapping[str, Mapping[int, float]]) -> LabelChart:
    counts = list(next(iter(values.values())))
    shown = [value for by_count in values.values() for value in by_count.values()]
    axis = nice_ticks(min(shown), max(shown), min_step=1e-3)
    first, last = math.log(counts[0]), math.log(counts[-1])

    def x_of(count: int) -> float:
        share = (math.log(count) - first) / (last - first)
        return round(LEFT + 12 + share * (WIDTH - LEFT - RIGHT - 24), 1)

    def y_of(value: float) -> float:
        share = (value - axis[0]) / (axis[-1] - axis[0])
        return round(HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM), 1)

    def line(number: int, name: str) -> Line:
        words = in_words(name)
        dots = tuple(
            Dot(x_of(count), y_of(value), f"{words}, {count} labels a class: {value:.3f}")
            for count, value in values[name].items()
        )
        path = "M" + "L".join(f"{dot.x} {dot.y}" for dot in dots)
        return Line(words, name == OURS, path, dots, mark(number))

    return LabelChart(
        title=f"{entries.title([entry.primary_words])} by {entry.words.lstrip('0123456789 ')}",
        lines=tuple(line(number, name) for number, name in enumerate(values)),
        x_ticks=tuple(Tick(x_of(count), f"{count:,}") for count in counts),
        y_ticks=tuple(Tick(y_of(value), f"{value:g}") for value in axis),
    )
