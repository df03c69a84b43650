"""Plots as pictures for the tracker, which draws none of its own in a row: curves, confusion."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

Rows = Sequence[Mapping[str, str]]

WIDTH, HEIGHT = 4.0, 2.6  # inches, of one curve
_DARK = 0.5  # share of a row beyond which its cell is dark, and its number white


def curves(steps: Rows, epochs: Rows) -> Figure:
    """Every curve of a pretraining: by step, then by epoch; the loss with its chance as a line."""
    drawn = [(name, "step", steps) for name in ("loss", "learning_rate")]
    drawn += [(name, "epoch", epochs) for name in epochs[0] if name not in ("epoch", "loss")]
    columns = 2
    lines = -(-len(drawn) // columns)
    figure = Figure(figsize=(columns * WIDTH, lines * HEIGHT), layout="constrained")
    places = list(figure.subplots(lines, columns, squeeze=False).flat)
    for (name, x, rows), place in zip(drawn, places, strict=False):
        _draw(place, name, x, rows)
    for place in places[len(drawn) :]:
        place.remove()
    return figure


def confusion(rows: Rows, probe: str) -> Figure:
    """Which classes a probe takes for which: shares of each actual class, by row."""
    names = sorted({row["actual"] for row in rows} | {row[probe] for row in rows})
    place_of = {name: place for place, name in enumerate(names)}
    counts = np.zeros((len(names), len(names)))
    for row in rows:
        counts[place_of[row["actual"]], place_of[row[probe]]] += 1
    shares = counts / counts.sum(1, keepdims=True).clip(min=1)
    side = 2 + 0.55 * len(names)
    figure = Figure(figsize=(side, side), layout="constrained")
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set(xlabel=f"{probe} says", ylabel="actual", title=f"{probe} on test")
    axes.set_xticks(range(len(names)), names, rotation=60, ha="right")
    axes.set_yticks(range(len(names)), names)
    for (row, column), share in np.ndenumerate(shares):
        colour = "white" if share > _DARK else "black"
        axes.text(column, row, f"{share:.2f}", ha="center", va="center", color=colour, size=7)
    return figure


def _draw(axes: Axes, name: str, x: str, rows: Rows) -> None:
    across = [float(row[x]) for row in rows]
    axes.plot(across, [float(row[name]) for row in rows], marker="." if len(rows) < 20 else "")
    if name == "loss":
        axes.axhline(float(rows[0]["chance"]), color="grey", linestyle=":", label="chance")
        axes.legend()
    axes.set(title=name.replace("_", " "), xlabel=x)
    axes.grid(alpha=0.3)
