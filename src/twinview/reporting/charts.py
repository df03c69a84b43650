"""The geometry of line charts: paths, ticks and labels; the page draws them as SVG."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 360, 200
LEFT, RIGHT, TOP, BOTTOM = 54, 10, 10, 36
_TICKS = 4
_MAX_DOTS = 40  # more dots than this would only make the line thicker


@dataclass(frozen=True)
class Tick:
    """A position on an axis, in the chart's units, and its label."""

    position: float
    label: str


@dataclass(frozen=True)
class Dot:
    """A point of the line, and its value as text."""

    x: float
    y: float
    label: str


@dataclass(frozen=True)
class Chart:
    """One line in a plane of WIDTH by HEIGHT.

    line: an SVG path. points: all points of the line. dots: the points that are drawn as dots,
    which are all or none. last_value: the value at the end, as text.
    """

    title: str
    note: str
    x_label: str
    last_value: str
    line: str
    points: tuple[Dot, ...]
    dots: tuple[Dot, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    reference: Tick | None

    @property
    def script_points(self) -> list[tuple[float, float, str]]:
        """The points (x, y, label) for the page's script."""
        return [(point.x, point.y, point.label) for point in self.points]


def line_chart(
    title: str,
    note: str,
    x_label: str,
    points: Sequence[tuple[float, float]],
    reference: tuple[float, str] | None = None,
) -> Chart:
    """A chart of the line through points, whose y axis begins and ends with a tick.

    Parameters
    ----------
    title, note, x_label : texts of the chart.
    points : at least one (x, y); the x are whole numbers in ascending order.
    reference : the value and the label of a horizontal line, or None.
    """
    xs, ys = zip(*points, strict=True)
    values = [*ys, reference[0]] if reference else ys
    y_ticks = nice_ticks(*_non_empty_range(min(values), max(values)))
    low, high = _non_empty_range(xs[0], xs[-1])
    x_ticks = [x for x in nice_ticks(low, high, min_step=1) if low <= x <= high]

    def scale_x(x: float) -> float:
        return round(LEFT + (x - low) / (high - low) * (WIDTH - LEFT - RIGHT), 1)

    dots = tuple(
        Dot(scale_x(x), scale_y(y, y_ticks), f"{x_label} {x:g}: {y:.4g}") for x, y in points
    )
    return Chart(
        title=title,
        note=note,
        x_label=x_label,
        last_value=f"{ys[-1]:.4g}",
        line=path_through(dots),
        points=dots,
        dots=dots if len(dots) <= _MAX_DOTS else (),
        x_ticks=tuple(Tick(scale_x(x), f"{x:g}") for x in x_ticks),
        y_ticks=tuple(Tick(scale_y(y, y_ticks), f"{y:g}") for y in y_ticks),
        reference=Tick(scale_y(reference[0], y_ticks), reference[1]) if reference else None,
    )


def scale_y(value: float, ticks: Sequence[float]) -> float:
    """The position of a value on a y axis that begins and ends with these ticks."""
    share = (value - ticks[0]) / (ticks[-1] - ticks[0])
    return round(HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM), 1)


def path_through(dots: Sequence[Dot]) -> str:
    """The SVG path of the line through dots."""
    return "M" + "L".join(f"{dot.x} {dot.y}" for dot in dots)


def nice_ticks(low: float, high: float, min_step: float = 0) -> list[float]:
    """About five ticks around a range, whose step is 1, 2 or 5 times a power of ten.

    The first tick is at or below low, the last at or above high. min_step: the smallest step.
    """
    rough = max((high - low) / _TICKS, min_step)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [float(f"{number * step:.12g}") for number in range(first, last + 1)]


def _non_empty_range(low: float, high: float) -> tuple[float, float]:
    """The range itself, or a range around it when it is a single value."""
    if high > low:
        return low, high
    margin = abs(low) / 2 or 0.5
    return low - margin, high + margin
