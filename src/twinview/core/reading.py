"""The choices by which picture files become pixels; they are recorded with all that is made so."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Reading:
    """The choices by which files become pixels; they belong to the identity of what is made.

    background: the colour (red, green, blue) that transparency is laid on. jpeg_margin: a JPEG is
    decoded at 1/2, 1/4 or 1/8 of its sides, the least of them that leaves both sides at least
    jpeg_margin times as long as the wanted ones; 0 decodes in full. Pillow's own thumbnails have a
    margin of 2.
    """

    background: tuple[int, int, int] = (0, 0, 0)
    jpeg_margin: int = 0

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Reading":
        """The choices that dataclasses.asdict and a JSON file hold."""
        red, green, blue = map(int, value["background"])
        return cls((red, green, blue), int(value["jpeg_margin"]))


DEFAULT = Reading()
