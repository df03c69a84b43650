"""The marks of classes: a colour and a shape each, so that either is enough to tell classes apart.

Colours: Petroff, "Accessible Color Sequences for Data Visualization", arXiv 2107.02270, the ten
that stay different under the common kinds of colour blindness.
"""

from dataclasses import dataclass

_COLOURS = (
    "#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6",
    "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd",
)  # fmt: skip

_SHAPES = (
    "M1 0A1 1 0 1 1-1 0A1 1 0 1 1 1 0Z",  # disc
    "M-.9-.9H.9V.9H-.9Z",  # square
    "M0-1.2 1.15.8H-1.15Z",  # triangle
    "M0-1.3 1.3 0 0 1.3-1.3 0Z",  # diamond
    "M0 1.2 1.15-.8H-1.15Z",  # triangle on its tip
)


@dataclass(frozen=True)
class Mark:
    """A CSS colour, and a shape as an SVG path around the origin, about 2 wide."""

    colour: str
    path: str


def mark(number: int) -> Mark:
    """The mark of a class. The first 50 differ; successive marks differ in colour and shape."""
    cycle = number // len(_COLOURS)
    return Mark(_COLOURS[number % len(_COLOURS)], _SHAPES[(number + cycle) % len(_SHAPES)])
