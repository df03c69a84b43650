"""Line charts as geometry: paths, ticks and labels on a small plane; the page draws them as SVG."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 360, 200
LEFT, RIGHT, TOP, BOTTOM = 54, 10, 10, 36
_TICKS = 4
_DOTS = 40  # beyond so many points, dots would only thicken the line


@dataclass(frozen=True)
class Tick:
    """A place on an axis, in the plane's units, and what stands beside it."""

    position: float
    label: str


@dataclass(frozen=True)
class Dot:
    """A point of the line and its value in words."""

    x: float
    y: float
    label: str


@dataclass(frozen=True)
class Chart:
    """One line in a plane WIDTH by HEIGHT; line is an SVG path.

    points: all that the line goes through. dots: the same where they are few enough to be drawn.
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
        """The points as the page's script reads them."""
        return [(point.x, point.y, point.label) for point in self.points]


def line_chart(
    title: str,
    note: str,
    x_label: str,
    points: Sequence[tuple[float, float]],
    reference: tuple[float, str] | None = None,
) -> Chart:
    """The line through points, in order, and a horizontal reference with its name.

    points: at least one, x whole numbers that do not fall. The y axis ends on ticks.
    """
    xs, ys = zip(*points, strict=True)
    marks = [*ys, reference[0]] if reference else ys
    y_ticks = nice_ticks(*_widened(min(marks), max(marks)))
    low, high = _widened(xs[0], xs[-1])
    x_ticks = [x for x in nice_ticks(low, high, min_step=1) if low <= x <= high]

    def across(x: float) -> float:
        return round(LEFT + (x - low) / (high - low) * (WIDTH - LEFT - RIGHT), 1)

    def up(y: float) -> float:
        share = (y - y_ticks[0]) / (y_ticks[-1] - y_ticks[0])
        return round(HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM), 1)

    along = tuple(Dot(across(x), up(y), f"{x_label} {x:g}: {y:.4g}") for x, y in points)
    return Chart(
        title=title,
        note=note,
        x_label=x_label,
        last_value=f"{ys[-1]:.4g}",
        line="M" + "L".join(f"{dot.x} {dot.y}" for dot in along),
        points=along,
        dots=along if len(along) <= _DOTS else (),
        x_ticks=tuple(Tick(across(x), f"{x:g}") for x in x_ticks),
        y_ticks=tuple(Tick(up(y), f"{y:g}") for y in y_ticks),
        reference=Tick(up(reference[0]), reference[1]) if reference else None,
    )


def nice_ticks(low: float, high: float, least: float = 0) -> list[float]:
    """About five multiples of 1, 2 or 5 times a power of ten (at least `least`) around the range.

    The first is at or below low, the last at or above high.
    """
    rough = max((high - low) / _TICKS, least)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [float(f"{place * step:.12g}") for place in range(first, last + 1)]


def _widened(low: float, high: float) -> tuple[float, float]:
    """The range itself, or one around it where it is a single value."""
    if high > low:
        return low, high
    room = abs(low) / 2 or 0.5
    return low - room, high + room
