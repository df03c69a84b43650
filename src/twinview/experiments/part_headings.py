"""The headings of the parts of a comparison: how their questions differ."""

from collections.abc import Sequence
from typing import Any

from twinview.experiments.differences import format_value
from twinview.experiments.group_labels import shorten_list
from twinview.experiments.question import DATA, PROTOCOL, Differences

_OTHER = {DATA: "other data", PROTOCOL: "another protocol"}


def headings(others: Sequence[Differences]) -> list[str]:
    """The headings of the first part and of the others.

    others: how each other part differs from the first. The heading of the first part has its values
    of the settings in which the others differ.
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
    """The heading of a part that differs from the first."""
    return "; ".join(
        f"{_OTHER[kind]}: {shorten_list([_instead(key, *pair) for key, pair in settings.items()])}"
        for kind, settings in differences.items()
    )


def _instead(key: str, ours: Any, theirs: Any) -> str:
    return f"{key} {format_value(ours)} instead of {format_value(theirs)}"
