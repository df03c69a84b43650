"""Counted things in words."""

from collections import Counter
from collections.abc import Mapping


def counted(count: int, noun: str) -> str:
    """A number and its noun, such as 1 file or 2,000 files."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def describe_counts(counts: Mapping[str, int]) -> str:
    """Numbers and names, the most frequent first; of equal numbers, in the order of the mapping."""
    return ", ".join(f"{count:,} {name}" for name, count in Counter(counts).most_common())
