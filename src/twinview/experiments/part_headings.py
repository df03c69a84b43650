"""What tells the parts of a comparison apart, in words."""

from collections.abc import Sequence
from typing import Any

from twinview.experiments.differences import format_value
from twinview.experiments.group_labels import shorten_list
from twinview.experiments.question import DATA, PROTOCOL, Differences

_OTHER = {DATA: "other data", PROTOCOL: "another protocol"}


def headings(others: Sequence[Differences]) -> list[str]:
    """The headings of the first part and of the others.

    others: how each other part differs from the first. The first part's heading says what it has
    where the others differ.
    """
    first = {
        key: format_value(theirs)
        for differences in others
        for settings in differences.values()
        for key, (_, theirs) in settings.items()
    }
    return [
        shorten_list([f"{key} {value}" for key, value in first.items()]),
        *map(_heading, others),
    ]


def _heading(differences: Differences) -> str:
    """How a part differs from the first."""
    return "; ".join(
        f"{_OTHER[kind]}: {shorten_list([_instead(key, *pair) for key, pair in settings.items()])}"
        for kind, settings in differences.items()
    )


def _instead(key: str, ours: Any, theirs: Any) -> str:
    return f"{key} {format_value(ours)} instead of {format_value(theirs)}"
