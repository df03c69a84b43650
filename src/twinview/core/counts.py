"""Counted things in words."""

from collections import Counter
from collections.abc import Mapping


def describe_counts(counts: Mapping[str, int]) -> str:
    """Numbers and names, the most frequent first; of equal numbers, in the order of the mapping."""
    return ", ".join(f"{count:,} {name}" for name, count in Counter(counts).most_common())
