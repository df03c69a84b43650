"""Counted things and durations in words."""

from collections import Counter
from collections.abc import Mapping


def counted(count: int, noun: str) -> str:
    """A number and its noun, such as 1 file or 2,000 files."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def describe_counts(counts: Mapping[str, int]) -> str:
    """Numbers and names, the most frequent first; of equal numbers, in the order of the mapping."""
    return ", ".join(f"{count:,} {name}" for name, count in Counter(counts).most_common())


def format_duration(seconds: float) -> str:
    """A time as text, such as '45 s', '8.5 min' or '3.2 h'."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
