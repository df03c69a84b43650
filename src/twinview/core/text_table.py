"""Tables for a terminal."""

from collections.abc import Sequence

_GAP = "  "


def format_table(rows: Sequence[Sequence[str]], right: bool = False) -> list[str]:
    """The lines of a table, one for each row, with columns as wide as their widest text.

    right: whether all columns but the first are aligned to the right, as numbers are.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    sides = ["<", *(">" if right else "<" for _ in widths[1:])]
    return [
        _GAP.join(
            f"{text:{side}{width}}" for text, side, width in zip(row, sides, widths, strict=True)
        ).rstrip()
        for row in rows
    ]
