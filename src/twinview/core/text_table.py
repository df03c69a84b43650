"""Tables for a terminal."""

from collections.abc import Sequence

_GAP = "  "


def format_table(rows: Sequence[Sequence[str]], right: bool = False) -> list[str]:
    """A line for each row, columns as wide as their widest text.

    right: all columns but the first stand to the right, as numbers do.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    sides = ["<", *(">" if right else "<" for _ in widths[1:])]
    return [
        _GAP.join(
            f"{text:{side}{width}}" for text, side, width in zip(row, sides, widths, strict=True)
        ).rstrip()
        for row in rows
    ]
